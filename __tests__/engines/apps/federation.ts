import {
  Failover,
  IngressListener,
  MeshGatewayMode,
  Protocol,
  Redirect,
  synthesize,
  type ServiceMesh,
} from "../../../constructs";
import { program } from "../../../examples/canary";
import { MeshStack } from "../../../stacks/mesh-stack";
import { readSettings } from "../../../stacks/settings";
import { loadGenerator } from "./load-generator";

const [local, remote, none] = [MeshGatewayMode.LOCAL, MeshGatewayMode.REMOTE, MeshGatewayMode.NONE];

/**
 * Two datacenters that the lab joins by WAN federation. A client in dc1 has upstreams to services in dc2, one for each way through mesh
 * gateways, and to services of both datacenters, of which those in dc2 stand in for those in dc1. An ingress gateway in dc1 leads to dc2.
 */
synthesize((app) => {
  const settings = readSettings(app);
  const [east, west] = ["dc1", "dc2"].map(
    (datacenter) => new MeshStack(app, datacenter, { ...settings, consulDatacenter: datacenter }).mesh,
  );
  for (const mesh of [east, west]) mesh.addMeshGateway("mesh-gateway");
  const client = east.addService("client", {
    port: 9301,
    publish: 9301,
    protocol: Protocol.HTTP,
    workload: loadGenerator(9301),
    update: { minHealthyTime: "1s" },
  });

  const local_ = api(west, "by-local");
  const remote_ = api(west, "by-remote", remote);
  client.connectTo(local_, { env: "LOCAL", meshGateway: local });
  client.connectTo(remote_, { env: "REMOTE", meshGateway: remote });
  client.connectTo(api(west, "direct"), { env: "DIRECT", meshGateway: none });

  for (const mode of [remote, none]) {
    const name = `spare-${mode}`;
    const own = api(east, name);
    own.resolve({ failover: Failover.to(api(west, name)) });
    client.connectTo(own, { env: `SPARE_${mode.toUpperCase()}`, meshGateway: mode });
  }

  const door = east.addIngressGateway("door", {
    listeners: [IngressListener.http({ port: 9302 }), IngressListener.tcp({ port: 9303 })],
    update: { minHealthyTime: "1s" },
  });
  for (const target of [local_, remote_]) {
    const name = `${target.serviceName}-west`;
    const alias = east.addVirtualService(name, { protocol: Protocol.HTTP, redirect: Redirect.to(target) });
    door.connectTo(alias, { listener: 9302, hosts: [`${name}.example.com`] });
  }
  // Its connections do not leave by the gateway of dc1, where the test counts those of others.
  const ledger = west.addService("ledger", {
    port: 9101,
    workload: program("greeting-api.mjs", "exec", { VERSION: "ledger" }),
    update: { minHealthyTime: "1s" },
    serviceDefaults: { MeshGateway: { Mode: remote } },
  });
  door.connectTo(east.addVirtualService("ledger-west", { redirect: Redirect.to(ledger) }), { listener: 9303 });
});

function api(mesh: ServiceMesh, name: string, mode?: MeshGatewayMode) {
  const VERSION = `${name} in ${mesh.datacenter ?? ""}`;
  return mesh.addService(name, {
    port: 9101,
    protocol: Protocol.HTTP,
    workload: program("greeting-api.mjs", "exec", { VERSION }),
    update: { minHealthyTime: "1s" },
    serviceDefaults: mode && { MeshGateway: { Mode: mode } },
  });
}
