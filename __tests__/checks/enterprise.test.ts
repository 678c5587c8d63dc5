import { ConsulConfigEntry, Protocol, type consul, type ServiceMesh } from "../../constructs";
import { synthMesh, warningsOf } from "../support/synth";
import { anyWorkload } from "../support/workload";

const http = { port: 9001, publish: 9001, protocol: Protocol.HTTP, workload: anyWorkload };

/** What synthesis says of the edition. */
function warnings(build: (mesh: ServiceMesh) => void): string[] {
  return warningsOf(build).filter((line) => line.endsWith("(consul-enterprise)"));
}

describe("consul-enterprise", () => {
  test("warns of a sameness group", () => {
    expect(warnings((mesh) => mesh.addSamenessGroup("fleet", { members: [{ peer: "dc2" }] }))).toEqual([
      "stack/mesh/fleet/Entry: The config entry sameness-group/fleet uses sameness groups, which require Consul Enterprise. Omit them for the community edition, or silence this check. (consul-enterprise)",
    ]);
  });

  test("warns of namespaces, partitions and sameness groups in overrides and entries that are written manually", () => {
    const problems = warnings((mesh) => {
      mesh.addService("api", http).resolve({ override: { Failover: { "*": { SamenessGroup: "fleet" } } } });
      new ConsulConfigEntry<consul.ServiceIntentionsConfigEntry>(mesh, "far", {
        kind: "service-intentions",
        name: "far",
        entry: () => ({ Sources: [{ Name: "api", Namespace: "team", Partition: "other", Action: "deny" }] }),
      });
    });
    expect(problems).toEqual([
      expect.stringContaining("The config entry service-resolver/api uses sameness groups, which require"),
      expect.stringContaining("The config entry service-intentions/far uses namespaces and admin partitions, which"),
    ]);
  });

  test("warns of an entry with the name default too, which the community edition refuses in entries", () => {
    const of = (Namespace: string) =>
      warnings((mesh) => mesh.addService("api", http).resolve({ override: { Redirect: { Service: "x", Namespace } } }));
    expect(of("default")).toEqual([expect.stringContaining("service-resolver/api uses namespaces, which require")]);
    expect(of("")).toEqual([]);
  });

  const inNamespace = (Namespace: string) => (mesh: ServiceMesh) => {
    mesh.addJob("shop").addGroup("web", { tasks: { web: anyWorkload }, override: { Consul: { Namespace } } });
  };

  test("warns of a group of a job in a namespace of Consul", () => {
    expect(warnings(inNamespace("team"))).toEqual([
      "stack/mesh/shop: The group web of the job shop uses namespaces of Consul, which require Consul Enterprise. Omit them for the community edition, or silence this check. (consul-enterprise)",
    ]);
  });

  test("accepts the name that the community edition accepts in jobs", () => {
    expect(warnings(inNamespace("default"))).toEqual([]);
  });
});

test("a sameness group is an entry with its members in order, each a peer or a partition", () => {
  const { entries } = synthMesh((mesh) =>
    mesh.addSamenessGroup("fleet", {
      ...{ members: [{ partition: "default" }, { peer: "dc2" }], defaultForFailover: true, includeLocal: true },
    }),
  );
  expect(entries["sameness-group/fleet"]).toEqual({
    ...{ Kind: "sameness-group", Name: "fleet", DefaultForFailover: true, IncludeLocal: true },
    Members: [{ Partition: "default" }, { Peer: "dc2" }],
  });
  expect(() => synthMesh((mesh) => mesh.addSamenessGroup("fleet", { members: [{}] }))).toThrow(
    "stack/mesh/fleet: A member has neither peer nor partition. Set one of them.",
  );
});
