import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import {
  ApiGatewayListener,
  ConsulConfigEntry,
  Failover,
  MeshService,
  Protocol,
  Redirect,
  ServiceMesh,
  WorkloadIdentityAuthMethod,
  type consul,
  type MeshService as Service,
  type nomad,
  type ServiceMeshProps,
  type Tenancy,
} from "../../constructs";
import { accessChanges } from "../../graph/diff-access";
import { explain } from "../../graph/explain";
import { readMeshGraph } from "../../graph/read";
import { requireCommunityEdition } from "../../lab/apply/require-community-edition";
import { readDocuments, type MeshDocuments } from "../../lab/apply/documents";
import { readStacks } from "../../lab/apply/synthesized";
import { findingsOf, TestStack, warningsOf } from "../support/synth";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

const http = { port: 80, protocol: Protocol.HTTP, workload: anyWorkload };
const shopTeam: Tenancy = { partition: "team-a", namespace: "shop" };
const payTeam: Tenancy = { partition: "team-a", namespace: "payments" };
const otherTeam: Tenancy = { partition: "team-b" };

/** The meshes of one app, each in a Nomad namespace of its own, since jobs have the names of their services. */
class Meshes {
  readonly root = testApp();
  private count = 0;

  in(tenancy?: Tenancy, props: ServiceMeshProps = {}): ServiceMesh {
    const stack = new TestStack(this.root, `stack-${++this.count}`);
    return new ServiceMesh(stack, "mesh", { tenancy, namespace: `team-${this.count}`, ...props });
  }
}

interface Result {
  readonly documents: MeshDocuments;
  /** Returns an entry, by its stack. */
  readonly entry: (stack: number, kind: string, name: string) => consul.ConfigEntry | undefined;
  readonly group: (stack: number, job: string) => nomad.TaskGroup;
  readonly resources: (stack: number, type: string) => Readonly<Record<string, unknown>>;
  readonly stacks: ReturnType<typeof readStacks>;
}

function synth(build: (meshes: Meshes) => void): Result {
  const meshes = new Meshes();
  build(meshes);
  meshes.root.synth();
  const stacks = readStacks(meshes.root.outdir);
  const documents = readDocuments(stacks);
  const isIn = (number: number) => (it: { readonly stack: string }) => it.stack === `stack-${number}`;
  return {
    ...{ documents, stacks },
    entry: (stack, kind, name) =>
      documents.entries
        .filter(isIn(stack))
        .map(({ entry }) => entry)
        .find((entry) => entry.Kind === kind && "Name" in entry && entry.Name === name),
    group: (stack, job) =>
      documents.jobs.filter(isIn(stack)).find((it) => it.job.ID === job)?.job.TaskGroups?.[0] ?? {},
    resources: (stack, type) => {
      const config = stacks.find(({ name }) => name === `stack-${stack}`)?.config as {
        readonly resource: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
      };
      return config.resource[type];
    },
  };
}

const upstreamsOf = (group: nomad.TaskGroup) => group.Services?.[0]?.Connect?.SidecarService?.Proxy?.Upstreams;

describe("a mesh in a namespace of a partition", () => {
  const one = () =>
    synth((meshes) => {
      const mesh = meshes.in(payTeam);
      const api = mesh.addService("api", http);
      mesh.addService("web", { ...http, publish: 80 }).connectTo(api);
    });

  test("registers its services there, and writes its entries there", () => {
    const { group, entry, resources } = one();
    expect(group(1, "api").Consul).toEqual({ Partition: "team-a", Namespace: "payments" });
    expect(entry(1, "service-intentions", "api")).toMatchObject({
      ...{ Partition: "team-a", Namespace: "payments" },
      Sources: [{ Name: "web", Action: "allow" }],
    });
    expect(resources(1, "consul_config_entry")["service-defaults_api_team-a_payments"]).toMatchObject({
      ...{ kind: "service-defaults", name: "api", partition: "team-a", namespace: "payments" },
      config_json: expect.not.stringContaining("Namespace") as unknown,
    });
  });

  test("needs to name neither partition nor namespace for connections within", () => {
    const { group, entry } = one();
    expect(upstreamsOf(group(1, "web"))).toEqual([
      { DestinationName: "api", LocalBindPort: expect.any(Number) as number },
    ]);
    const intentions = entry(1, "service-intentions", "api") as consul.ServiceIntentionsConfigEntry;
    expect(intentions.Sources?.[0]).not.toHaveProperty("Namespace");
  });

  test("writes what belongs to a partition without a namespace", () => {
    expect(one().resources(1, "consul_config_entry")["proxy-defaults_global_team-a_default"]).toMatchObject({
      partition: "team-a",
      kind: "proxy-defaults",
    });
    expect(one().entry(1, "proxy-defaults", "global")).not.toHaveProperty("Namespace");
  });

  test("is the default one where both names say so", () => {
    const { resources } = synth((meshes) =>
      meshes.in({ partition: "default", namespace: "default" }).addService("api", http),
    );
    expect(Object.keys(resources(1, "consul_config_entry"))).toContain("service-defaults_api");
  });
});

describe("a connection to another namespace", () => {
  const connected = () =>
    synth((meshes) => {
      const [shop, pay] = [meshes.in(shopTeam), meshes.in(payTeam)];
      const api = pay.addService("api", http);
      shop.addService("api", http);
      shop.addService("web", { ...http, publish: 80 }).connectTo(api, { env: "API_URL" });
    });

  test("names it in the upstream and in the intention, which is written there", () => {
    const { group, entry } = connected();
    expect(upstreamsOf(group(1, "web"))).toMatchObject([
      { DestinationName: "api", DestinationPartition: "team-a", DestinationNamespace: "payments" },
    ]);
    expect(entry(2, "service-intentions", "api")).toMatchObject({
      Namespace: "payments",
      Sources: [{ Name: "web", Partition: "team-a", Namespace: "shop", Action: "allow" }],
    });
    expect(entry(1, "service-intentions", "api")).toBeUndefined();
    expect(entry(2, "exported-services", "team-a")).toBeUndefined();
  });

  test("leaves the entries that the partition has once to the first of its meshes", () => {
    const { entry } = connected();
    expect(entry(1, "proxy-defaults", "global")).toMatchObject({ Partition: "team-a" });
    expect(entry(2, "proxy-defaults", "global")).toBeUndefined();
    expect(
      findingsOf(() =>
        synth((meshes) => {
          meshes.in(shopTeam).addService("web", http);
          meshes.in(payTeam, { proxyDefaults: { Config: { local_connect_timeout_ms: 500 } } }).addService("api", http);
        }),
      ),
    ).toEqual([
      expect.stringContaining(
        "The config entry proxy-defaults/global already belongs to stack-1/mesh/ProxyDefaults/Resource.",
      ),
    ]);
  });

  test("is explained, drawn and compared as one to that service, not to the one of the same name", () => {
    const { documents, stacks } = connected();
    expect(explain(documents, { source: "web", destination: "api", datacenter: "team-a/shop" })).toMatchObject({
      allowed: "all",
      ends: [{ service: "api", datacenter: "team-a/payments", reason: "the intention web → api allows it" }],
    });
    const { nodes, edges, groups } = readMeshGraph(stacks);
    expect(groups.map(({ name }) => name)).toEqual(["team-a/payments", "team-a/shop"]);
    expect(nodes.filter(({ name }) => name === "api").map(({ id }) => id)).toEqual([
      "team-a/payments/api",
      "team-a/shop/api",
    ]);
    expect(edges.filter(({ kind }) => kind === "connection")).toMatchObject([
      { source: "team-a/shop/web", destination: "team-a/payments/api", permission: { allowed: "all" } },
    ]);
    expect(accessChanges({ jobs: [], entries: [], catalog: [], queries: [], notes: [] }, documents)).toMatchObject([
      { source: "web", from: "team-a/shop", destination: "api", datacenter: "team-a/payments", isWider: true },
    ]);
  });
});

describe("a connection to another partition", () => {
  const connected = (
    gateways: readonly ("source" | "destination")[] = [],
    both?: (web: Service, api: Service) => void,
  ) =>
    synth((meshes) => {
      const [shop, other] = [meshes.in(shopTeam), meshes.in(otherTeam)];
      const api = other.addService("api", http);
      const web = shop.addService("web", { ...http, publish: 80 });
      if (both) both(web, api);
      else web.connectTo(api);
      if (gateways.includes("source")) shop.addMeshGateway("gateway");
      if (gateways.includes("destination")) other.addMeshGateway("gateway");
    });

  test("exports the service to the partition of the source, in the entry that is named after its own partition", () => {
    const { group, entry } = connected();
    expect(upstreamsOf(group(1, "web"))).toMatchObject([
      { DestinationPartition: "team-b", DestinationNamespace: "default" },
    ]);
    expect(entry(2, "service-intentions", "api")).toMatchObject({
      Sources: [{ Name: "web", Partition: "team-a", Namespace: "shop" }],
    });
    expect(entry(2, "exported-services", "team-b")).toMatchObject({
      Partition: "team-b",
      Services: [{ Name: "api", Consumers: [{ Partition: "team-a" }] }],
    });
  });

  test("is refused by the graph if the service is not exported", () => {
    const { documents } = connected();
    const entries = documents.entries.filter(({ entry }) => entry.Kind !== "exported-services");
    const question = { source: "web", destination: "api", datacenter: "team-a/shop" };
    expect(explain({ ...documents, entries }, question)).toMatchObject({
      allowed: "no",
      ends: [{ reason: "api is not exported to the partition team-a" }],
    });
    expect(explain(documents, question).allowed).toBe("all");
  });

  test("names the namespaces of exported services if the partition has several", () => {
    const { entry } = synth((meshes) => {
      const web = meshes.in(otherTeam).addService("web", http);
      web.connectTo(meshes.in(payTeam).addService("api", { ...http, publish: 80 }));
    });
    expect(entry(2, "exported-services", "team-a")).toMatchObject({
      Services: [{ Name: "api", Namespace: "payments", Consumers: [{ Partition: "team-b" }] }],
    });
  });

  test("goes through the mesh gateways of both partitions, if the source has one", () => {
    const mode = ({ entry }: Result) => (entry(1, "proxy-defaults", "global") as consul.ProxyConfigEntry).MeshGateway;
    expect(mode(connected(["source", "destination"]))).toEqual({ Mode: "local" });
    expect(mode(connected())).toBeUndefined();
    expect(findingsOf(() => connected(["source"]))).toEqual([
      'stack-1/mesh/web: The upstream api goes to the partition "team-b", which has no mesh gateway, and that of the source has one. Add a mesh gateway to stack-2/mesh. If another app runs one there, silence(…, "partition-without-gateway", "who runs it"). (partition-without-gateway)',
    ]);
  });

  test("without an intention is an error, as within one cluster", () => {
    expect(findingsOf(() => connected([], (web, api) => void web.addUpstream(api)))).toContain(
      "stack-1/mesh/web: It has an upstream to api, but no intention allows it. Use connectTo, or allow it at stack-2/mesh/api with allowFrom. (upstream-without-intention)",
    );
  });
});

describe("traffic rules that lead to another tenancy", () => {
  const led = (rule: (orders: Service, spare: Service) => void) =>
    synth((meshes) => {
      const [shop, pay] = [meshes.in(shopTeam), meshes.in(payTeam)];
      const orders = shop.addService("orders", http);
      const spare = pay.addService("orders", http);
      shop.addService("web", { ...http, publish: 80 }).connectTo(orders);
      rule(orders, spare);
    });
  const there = { Partition: "team-a", Namespace: "payments" };

  test.each<[string, string, (orders: Service, spare: Service) => void, object]>([
    [
      "failover",
      "service-resolver",
      (orders, spare) => {
        orders.resolve({ failover: Failover.to(spare) });
      },
      { Failover: { "*": { Targets: [there] } } },
    ],
    [
      "redirect",
      "service-resolver",
      (orders, spare) => {
        orders.resolve({ redirect: Redirect.to(spare) });
      },
      { Redirect: { Service: "orders", ...there } },
    ],
    [
      "split",
      "service-splitter",
      (orders, spare) => {
        orders.split([
          { to: orders, weight: 90 },
          { to: spare, weight: 10 },
        ]);
      },
      { Splits: [{ Weight: 90 }, { Weight: 10, ...there }] },
    ],
    [
      "route",
      "service-router",
      (orders, spare) => {
        orders.route({ match: { pathPrefix: "/v2" }, to: spare });
      },
      { Routes: [{ Destination: there }] },
    ],
  ])("name it in the %s, and allow the sources there", (_, kind, rule, content) => {
    const { entry } = led(rule);
    expect(entry(1, kind, "orders")).toMatchObject(content);
    expect(entry(2, "service-intentions", "orders")).toMatchObject({
      Sources: [{ Name: "web", Partition: "team-a", Namespace: "shop" }],
    });
  });

  test("are followed when they are explained", () => {
    const { documents } = led((orders, spare) => {
      orders.resolve({ redirect: Redirect.to(spare) });
    });
    expect(explain(documents, { source: "web", destination: "orders", datacenter: "team-a/shop" })).toMatchObject({
      allowed: "all",
      ends: [{ service: "orders", datacenter: "team-a/payments", by: ["the redirect of orders"] }],
    });
  });
});

test("routes of gateways name the namespace of their services", () => {
  const { entry } = synth((meshes) => {
    const api = meshes.in(payTeam).addService("api", http);
    const gateway = meshes
      .in(shopTeam)
      .addApiGateway("gateway", { listeners: [ApiGatewayListener.http({ port: 8080 })] });
    gateway.connectTo(api);
  });
  expect(entry(2, "http-route", "gateway-api")).toMatchObject({
    Rules: [{ Services: [{ Name: "api", Partition: "team-a", Namespace: "payments" }] }],
  });
  expect(entry(1, "service-intentions", "api")).toMatchObject({
    Sources: [{ Name: "gateway", Partition: "team-a", Namespace: "shop" }],
  });
});

test("a namespace of another datacenter is named with the peer", () => {
  const { group, entry } = synth((meshes) => {
    const [east, west] = [
      meshes.in({ namespace: "shop" }, { datacenter: "dc1" }),
      meshes.in({ namespace: "payments" }, { datacenter: "dc2" }),
    ];
    east.addMeshGateway("gateway");
    west.addMeshGateway("gateway");
    east.addService("web", { ...http, publish: 80 }).connectTo(west.addService("api", http));
  });
  expect(upstreamsOf(group(1, "web"))).toMatchObject([{ DestinationPeer: "dc2", DestinationNamespace: "payments" }]);
  expect(upstreamsOf(group(1, "web"))?.[0]).not.toHaveProperty("DestinationPartition");
  expect(entry(2, "service-intentions", "api")).toMatchObject({
    Sources: [{ Name: "web", Peer: "dc1", Namespace: "shop" }],
  });
  expect(entry(2, "exported-services", "default")).toMatchObject({
    Services: [{ Name: "api", Namespace: "payments", Consumers: [{ Peer: "dc1" }] }],
  });
});

test("a partition cannot be connected to another datacenter", () => {
  const findings = findingsOf(() =>
    synth((meshes) => {
      const [east, west] = [meshes.in({}, { datacenter: "dc1" }), meshes.in(otherTeam, { datacenter: "dc2" })];
      east.addMeshGateway("gateway");
      west.addMeshGateway("gateway");
      east.addService("web", { ...http, publish: 80 }).connectTo(west.addService("api", http));
    }),
  );
  expect(findings).toEqual([
    'stack-1/mesh/web: The upstream api goes to another datacenter, and stack-2/mesh is in the partition "team-b". Connect the default partitions of the two datacenters. Their namespaces can differ. (partition-across-datacenters)',
  ]);
});

test("a service of another app in another namespace gets an upstream, and that app its intention", () => {
  const { group, documents } = synth((meshes) => {
    const mesh = meshes.in();
    const other = ServiceMesh.fromTenancy(mesh, "other", payTeam);
    const web = mesh.addService("web", http);
    web.connectTo(other.service("api", { protocol: Protocol.HTTP }));
    web.allowFrom(MeshService.fromServiceName(mesh, "probe", "probe", { mesh: other }));
  });
  expect(upstreamsOf(group(1, "web"))).toMatchObject([
    { DestinationPartition: "team-a", DestinationNamespace: "payments" },
  ]);
  const names = documents.entries.map(({ entry }) => `${entry.Kind}/${"Name" in entry ? entry.Name : ""}`);
  expect(names).toContain("exported-services/default");
  expect(names).not.toContain("service-intentions/api");
});

describe("what Meshform does not do in a tenancy is refused", () => {
  test.each<[string, (meshes: Meshes) => void, string]>([
    [
      "a WAN federation",
      (meshes) => meshes.in(payTeam, { datacenter: "dc1", primaryDatacenter: "dc1" }),
      'stack-1/mesh: It is in team-a/payments, and in the WAN federation of "dc1". Meshform does not combine the two. Omit tenancy or primaryDatacenter.',
    ],
    [
      "a prepared query",
      (meshes) => meshes.in(payTeam).addPreparedQuery("near", { service: "api" }),
      "stack-1/mesh/near: Its mesh is in team-a/payments, and Terraform writes prepared queries only to the default namespace of the default partition. Use a failover of the service instead, with resolve.",
    ],
    [
      "a binding rule of a gateway",
      (meshes) => {
        const mesh = meshes.in(payTeam);
        mesh.addMeshGateway("gateway").bindTo(WorkloadIdentityAuthMethod.fromName(mesh, "workloads"));
      },
      "stack-1/mesh/gateway: It is in team-a/payments, and Meshform adds binding rules only to the default namespace of the default partition. Omit gatewayAuthMethod of its mesh, and add its AclBindingRule and policy with the provider's resources, in its partition and namespace.",
    ],
    [
      "an external service of another partition behind a terminating gateway",
      (meshes) => {
        const external = meshes
          .in(payTeam)
          .addExternalService("bank", { address: "192.0.2.1", port: 443, plaintext: "a" });
        meshes.in(otherTeam).addTerminatingGateway("gateway").addService(external);
      },
      "stack-2/mesh/gateway: The external service bank is in the partition team-a, and a terminating gateway routes only to services of its own one. Add a terminating gateway to that partition.",
    ],
    [
      "a name that Consul refuses",
      (meshes) => meshes.in({ namespace: "*" }),
      'stack-1/mesh: tenancy.namespace is "*"; expected lower-case letters, digits and dashes, at most 64 characters, no dash at either end. Correct the name, or omit it.',
    ],
  ])("%s", (_, build, message) => {
    expect(() => {
      build(new Meshes());
    }).toThrow(message);
  });

  test("content of an entry that names another tenancy than the entry", () => {
    const findings = findingsOf(() =>
      synth((meshes) => {
        const mesh = meshes.in(payTeam);
        mesh.addService("api", http);
        new ConsulConfigEntry<consul.ServiceConfigEntry>(mesh, "far", {
          ...{ kind: "service-defaults", name: "far" },
          entry: () => ({ Namespace: "shop", Protocol: "http" }),
        });
      }),
    );
    expect(findings).toContainEqual(
      expect.stringContaining(
        "Its content is for team-a/shop, but the entry is in team-a/payments. Set tenancy of the entry, and omit Partition and Namespace of its content.",
      ),
    );
  });
});

test("an external service is registered in the tenancy of its mesh, and its gateway refers to its namespace", () => {
  const { resources, entry } = synth((meshes) => {
    const [shop, pay] = [meshes.in(shopTeam), meshes.in(payTeam)];
    const bank = pay.addExternalService("bank", { address: "192.0.2.1", port: 443, plaintext: "a lab" });
    shop.addTerminatingGateway("out").addService(bank);
    shop.addService("web", http).connectTo(bank);
  });
  expect(Object.values(resources(2, "consul_service"))).toMatchObject([{ partition: "team-a", namespace: "payments" }]);
  expect(Object.values(resources(2, "consul_node"))).toMatchObject([{ partition: "team-a" }]);
  expect(entry(1, "terminating-gateway", "out")).toMatchObject({ Services: [{ Name: "bank", Namespace: "payments" }] });
});

test("the same name twice in one namespace, and one job name for two namespaces, are errors", () => {
  const findings = findingsOf(() =>
    synth((meshes) => {
      meshes.in(payTeam, { namespace: "all" }).addService("api", http);
      meshes.in(shopTeam, { namespace: "all" }).addService("api", { ...http, publish: 80 });
    }),
  );
  expect(findings).toEqual([
    'stack-2/mesh/api: The job "api" already belongs to stack-1/mesh/api. Change one of the names, or set Nomad\'s namespace of one of the meshes; or, if the stacks are for different clusters, set the datacenter of each mesh or the address of each provider. (duplicate-job)',
  ]);
});

test("plain resources of the provider are entries of the namespace that they name", () => {
  const { entry } = synth((meshes) => {
    const mesh = meshes.in(payTeam);
    const api = mesh.addService("api", http);
    new ConfigEntry(mesh, "defaults", { kind: "service-defaults", name: "api", configJson: "{}" });
    mesh.addService("web", { ...http, publish: 80 }).connectTo(api);
  });
  expect(entry(1, "service-intentions", "api")).toMatchObject({ Namespace: "payments" });
});

describe("Consul Enterprise is named", () => {
  test("once for each mesh, not for each entry", () => {
    const said = (tenancy: Tenancy) =>
      warningsOf((mesh) => mesh.addService("api", http), { tenancy }).filter((line) =>
        line.endsWith("(consul-enterprise)"),
      );
    expect(said(payTeam)).toEqual([
      "stack/mesh: It is in team-a/payments, and namespaces require Consul Enterprise and Nomad Enterprise. Omit tenancy for the community edition, or silence this check. (consul-enterprise)",
    ]);
    expect(said(otherTeam)).toEqual([
      "stack/mesh: It is in team-b/default, and admin partitions require Consul Enterprise. Omit tenancy for the community edition, or silence this check. (consul-enterprise)",
    ]);
  });

  test("by the lab, before anything boots", () => {
    const { documents } = synth((meshes) => {
      meshes.in(payTeam).addService("api", http);
      meshes.in().addSamenessGroup("fleet", { members: [{ partition: "default" }] });
    });
    expect(() => {
      requireCommunityEdition(documents);
    }).toThrow(
      [
        "This app needs Consul Enterprise, and the lab runs the community edition:",
        "  - stack-1/mesh/api: the job api is in team-a/payments.",
        "  - stack-1/mesh/ProxyDefaults: the config entry proxy-defaults/global is in team-a/default.",
        "  - stack-1/mesh/api/Defaults: the config entry service-defaults/api is in team-a/payments.",
        "  - stack-2/mesh/fleet/Entry: the config entry sameness-group/fleet is a sameness group.",
      ].join("\n"),
    );
    const { documents: plain } = synth((meshes) => meshes.in().addService("api", http));
    expect(() => {
      requireCommunityEdition(plain);
    }).not.toThrow();
  });
});
