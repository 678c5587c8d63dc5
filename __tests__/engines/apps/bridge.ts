import { synthesize } from "../../../constructs";
import { MeshStack } from "../../../stacks/mesh-stack";
import { readSettings } from "../../../stacks/settings";

/** A mesh gateway, and nothing for it to carry. */
synthesize((app) => {
  const { mesh } = new MeshStack(app, "mesh", readSettings(app));
  mesh.addMeshGateway("mesh-gateway", { port: 18443, update: { minHealthyTime: "1s" } });
});
