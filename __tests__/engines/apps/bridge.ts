import { Protocol, synthesize, Workload } from "../../../constructs";
import { teller } from "../../../examples/gateways";
import { MeshStack } from "../../../stacks/mesh-stack";
import { readSettings } from "../../../stacks/settings";
import { addNative } from "./native";

/** A mesh gateway, and nothing for it to carry; and a Connect-native service between two with Envoys. */
synthesize((app) => {
  const { mesh } = new MeshStack(app, "mesh", readSettings(app));
  const update = { minHealthyTime: "1s" };
  mesh.addMeshGateway("mesh-gateway", { port: 18443, update });
  const workload = Workload.exec({ driver: "raw_exec", command: "sleep", args: ["infinity"] });
  const client = mesh.addService("client", { port: 7009, workload, update });
  const clock = { port: 7003, protocol: Protocol.TCP, workload: teller("exec", "clock", 7003, Protocol.TCP), update };
  addNative(mesh, client, mesh.addService("clock", clock));
});
