import { readFileSync } from "node:fs";
import { join } from "node:path";
import { diagnose } from "../../connection/diagnose";
import type { EnvoyView } from "../../connection/envoy-view";
import type { CompiledChain, ConnectionFacts, EnvoyFact, Instance, JobFact } from "../../connection/facts";
import type { SeenEnvoy } from "../../connection/link";
import { chainOfQuery } from "../../connection/query-chain";
import { lookupDatacenter, onlyQueryTo } from "../../connection/upstreams";
import type { PreparedQuery } from "../../lab/cluster/prepared-query";

/**
 * The facts were recorded in a lab in which all was well: count-dashboard on client-2 asks count-api, whose version stable runs on
 * client-1, and v2 on client-2. Each test changes what one fault changes. The faults that a lab can have for real are tests of
 * `engines/graph.test.ts`.
 */
type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;
type Facts = Mutable<ConnectionFacts>;

const recorded = readFileSync(join(__dirname, "recorded.json"), "utf8");
const DASHBOARD = "count-dashboard on client-2 (a20ee8c7)";
const STABLE = "count-api on client-1 (a75a9c26)";

function diagnoseWith(change: (facts: Facts) => void) {
  const facts = JSON.parse(recorded) as Facts;
  change(facts);
  return diagnose(facts);
}

/** The sentence that names the cause of one change. */
function causeOf(change: (facts: Facts) => void): string {
  const { ok, sentence } = diagnoseWith(change);
  expect(ok).toBe(false);
  return sentence;
}

function valueOf<T>(fact: { readonly value: T } | object | undefined): T {
  return (fact as { value: T }).value;
}

const sourceOf = (facts: Facts) => valueOf<Mutable<Instance>[]>(facts.source)[0];
const targetOf = (facts: Facts, subset: string) =>
  valueOf<Mutable<Instance>[]>(facts.targets[`${subset}.count-api.default.default.dc1`])[0];
const envoyOf = (facts: Facts, { id }: { id: string }) => facts.envoys[id] as Mutable<SeenEnvoy>;
const remarksOf = ({ links }: ReturnType<typeof diagnose>) =>
  links.flatMap(({ id, findings }) => findings.map(({ at, problem }) => `${id}: ${at}: ${problem}`));

/** Puts another fact in the place of an Envoy. */
function replaceEnvoy(facts: Facts, { id }: { id: string }, fact: EnvoyFact) {
  facts.envoys[id] = fact as Mutable<EnvoyFact>;
}

/** An ending that all clusters of Envoy for a subset have. */
function clusterOf(envoy: Mutable<EnvoyView>, subset: string) {
  const found = envoy.clusters.find(({ name }) => name.startsWith(`${subset}.count-api.`));
  if (!found) throw new Error(`There is no cluster of ${subset}.`);
  return found;
}

test("nothing is found where all is well", () => {
  const diagnosis = diagnoseWith(() => undefined);
  expect(diagnosis.links.map(({ state }) => state)).toEqual(diagnosis.links.map(() => "ok"));
  expect(diagnosis.ok).toBe(true);
  expect(diagnosis.sentence).toBe(
    "No cause was found: GET / from count-dashboard to count-api should succeed; see the 2 remarks above.",
  );
});

test("an expired certificate, of either side", () => {
  const late = (facts: Facts) => (facts.asOf = "2026-12-10T00:00:00Z");
  expect(causeOf(late)).toMatch(
    /^Cause: count-dashboard on client-2 \(a20ee8c7\): Its certificate expired at 2026-11-29T20:00:55\.000Z\. .*\(certificates\)$/,
  );
  expect(causeOf((facts) => (facts.asOf = "2026-11-26T01:00:00Z"))).toContain(
    "Its certificate is valid only from 2026-11-26T20:00:55",
  );
  expect(remarksOf(diagnoseWith((facts) => (facts.asOf = "2026-11-29T19:30:00Z")))).toContainEqual(
    expect.stringContaining("expires at 2026-11-29T20:00:55.000Z, and was not renewed"),
  );
});

test("an authority that the other side does not trust, and a certificate that is missing", () => {
  const cause = causeOf((facts) => {
    const { envoy } = envoyOf(facts, targetOf(facts, "stable"));
    envoy.roots = envoy.certificates;
  });
  expect(cause).toContain(
    `Cause: ${DASHBOARD}: Its certificate is not of an authority that the Envoy of ${STABLE} trusts.`,
  );
  expect(causeOf((facts) => (envoyOf(facts, sourceOf(facts)).envoy.certificates = []))).toContain(
    `Cause: ${DASHBOARD}: Its Envoy has no certificate.`,
  );
});

test("an Envoy that does not run, or has no configuration", () => {
  const words = "the task connect-proxy-count-dashboard is dead (Exit Code: 1)";
  expect(causeOf((facts) => replaceEnvoy(facts, sourceOf(facts), { kind: "stopped", words }))).toBe(
    `Cause: ${DASHBOARD}: Its Envoy does not run: ${words}. Read \`meshform logs count-dashboard --sidecar\`, and restart the allocation. (source-sidecar)`,
  );
  const cause = causeOf((facts) => {
    Object.assign(envoyOf(facts, targetOf(facts, "stable")).envoy, { state: "PRE_INITIALIZING", isConnected: false });
  });
  expect(cause).toMatch(
    /^Cause: count-api on client-1 .*Its Envoy is PRE_INITIALIZING: it has not got its configuration.*\(destination-sidecar\)$/,
  );
});

test("an Envoy without a connection to Consul is a remark while what it has is right, and the cause once it is not", () => {
  const disconnected = (facts: Facts) => Object.assign(envoyOf(facts, sourceOf(facts)).envoy, { isConnected: false });
  const { ok, links } = diagnoseWith(disconnected);
  expect(ok).toBe(true);
  expect(links.find(({ id }) => id === "source-sync")?.findings).toMatchObject([{ level: "remark", at: DASHBOARD }]);
  const cause = causeOf((facts) => {
    disconnected(facts);
    targetOf(facts, "stable").port = 30_000;
  });
  expect(cause).toContain(
    "Its Envoy sends requests for the subset stable of count-api to 10.200.1.1:24703, but Consul has 10.200.1.1:30000: it is stale, " +
      "since it is not connected to Consul's gRPC port.",
  );
});

test("a listener that is refused, or missing", () => {
  expect(
    causeOf((facts) => (envoyOf(facts, sourceOf(facts)).envoy.rejected = ["error adding listener: unknown filter."])),
  ).toContain("Its Envoy refuses a listener that Consul sends: error adding listener: unknown filter.");
  const without = (facts: Facts) => {
    const { envoy } = envoyOf(facts, sourceOf(facts));
    envoy.listeners = envoy.listeners.filter(({ port }) => port !== 8080);
  };
  expect(causeOf(without)).toContain("Its Envoy has no listener at 127.0.0.1:8080, the upstream to count-api");
});

test("an ejected endpoint is the cause if there is no other, else a remark", () => {
  const eject = (facts: Facts, count: number) => {
    const cluster = clusterOf(envoyOf(facts, sourceOf(facts)).envoy, "stable");
    const other = targetOf(facts, "stable");
    if (count === 1) {
      cluster.hosts.push({ ...cluster.hosts[0], port: 24_704 });
      const [first] = valueOf<Mutable<Instance>[]>(facts.targets["stable.count-api.default.default.dc1"]);
      valueOf<Mutable<Instance>[]>(facts.targets["stable.count-api.default.default.dc1"]).push({
        ...first,
        id: "other",
        port: 24_704,
      });
    }
    cluster.hosts[0].isEjected = true;
    expect(other).toBeDefined();
  };
  expect(causeOf((facts) => eject(facts, 0))).toMatch(
    /has ejected every endpoint of the subset stable of count-api \(10\.200\.1\.1:24703\).*\(endpoints\)$/,
  );
  const { ok, links } = diagnoseWith((facts) => eject(facts, 1));
  expect({ ok, remark: links.find(({ id }) => id === "endpoints")?.findings[0].problem }).toEqual({
    ok: true,
    remark:
      "Its Envoy has ejected 10.200.1.1:24703 of the subset stable of count-api, since requests failed there; others take over.",
  });
});

test("limits that are reached", () => {
  const cause = causeOf((facts) => {
    const { envoy } = envoyOf(facts, sourceOf(facts));
    const { name } = clusterOf(envoy, "v2");
    envoy.counters = { ...envoy.counters, [`cluster.${name}.circuit_breakers.default.rq_pending_open`]: 1 };
  });
  expect(cause).toContain(
    "Its Envoy sheds requests for the subset v2 of count-api: the limit of rq_pending is reached.",
  );
});

test("an instance that is missing, unhealthy, or not placed, as Consul and Nomad show it", () => {
  const jobsOf = (facts: Facts) =>
    valueOf<Mutable<{ id: string; state: string; count: number; status: { unplaced: string[] } }>[]>(facts.jobs);
  const without = (facts: Facts) => ((facts.source as { value: unknown[] }).value = []);
  const job = (facts: Facts) => {
    without(facts);
    const found = jobsOf(facts).find(({ id }) => id === "count-dashboard");
    if (!found) throw new Error("There is no job count-dashboard.");
    return found;
  };
  expect(causeOf((facts) => (job(facts).state = "absent"))).toContain(
    "Nomad has no job count-dashboard, so Consul has no instance of it. Deploy the app.",
  );
  expect(causeOf((facts) => (job(facts).state = "stopped"))).toContain("Its job count-dashboard is stopped");
  expect(causeOf((facts) => (job(facts).count = 0))).toContain("Its job count-dashboard has the count 0");
  expect(
    causeOf(
      (facts) => (job(facts).status.unplaced = ["group web cannot be placed on 2 nodes: memory exhausted (2 nodes)"]),
    ),
  ).toContain("Nomad finds no node for its job count-dashboard: group web cannot be placed");
  const ill = (facts: Facts) =>
    (targetOf(facts, "v2").checks[1] = { name: "alive", status: "critical", output: "HTTP GET: 503." });
  expect(causeOf(ill)).toContain(
    "No instance of the subset v2 of count-api is healthy: alive: HTTP GET: 503. 50 % of the requests go there.",
  );
});

test("a subset without instances, a failover that is taken, and one that has nothing either", () => {
  const id = "v2.count-api.default.default.dc1";
  const empty = (facts: Facts) => ((facts.targets[id] as { value: unknown[] }).value = []);
  expect(causeOf(empty)).toContain(
    'No instance is in the subset v2 (Service.Meta.version == "v2"), of 2 that are registered. 50 % of the requests go there.',
  );
  const failover = (facts: Facts) => {
    empty(facts);
    const { Nodes } = valueOf<Mutable<{ Nodes: Record<string, { Resolver: object }> }>>(facts.chain);
    Object.assign(Nodes[`resolver:${id}`].Resolver, {
      Failover: { Targets: ["stable.count-api.default.default.dc1"] },
    });
  };
  expect(remarksOf(diagnoseWith(failover))).toContainEqual(
    expect.stringContaining(
      "instances: count-api: Its requests fail over to the subset stable of count-api: No instance is in the subset v2",
    ),
  );
  const nothing = (facts: Facts) => {
    failover(facts);
    (facts.targets["stable.count-api.default.default.dc1"] as { value: unknown[] }).value = [];
    // Without a splitter.
    valueOf<{ StartNode: string }>(facts.chain).StartNode = `resolver:${id}`;
  };
  expect(causeOf(nothing)).toContain("Neither has any failover target (the subset stable of count-api).");
});

test("a terminating gateway that does not run, a peering that is not active, and a peer that exports nothing", () => {
  const id = "stable.count-api.default.default.dc1";
  const external = (facts: Facts) => {
    facts.gateways = { egress: { value: [] } };
    const { Targets } = valueOf<{ Targets: Record<string, { ServiceSubset?: string }> }>(facts.chain);
    Targets[id].ServiceSubset = "";
    (facts.targets[id] as { value: unknown[] }).value = [];
  };
  expect(causeOf(external)).toContain(
    "count-api: It is outside of the mesh, and its terminating gateway egress has no healthy instance.",
  );
  const peered = (facts: Facts, state?: string) => {
    const { Targets } = valueOf<{ Targets: Record<string, { Peer?: string }> }>(facts.chain);
    Targets[id].Peer = "dc2";
    (facts.targets[id] as { value: unknown[] }).value = [];
    facts.peerings = { value: state === undefined ? [] : [{ Name: "dc2", State: state }] };
  };
  expect(causeOf((facts) => peered(facts))).toContain("Cause: the peering dc2: Consul has no peering of this name.");
  expect(causeOf((facts) => peered(facts, "FAILING"))).toContain(
    "Cause: the peering dc2: Its state is FAILING, not ACTIVE.",
  );
  expect(causeOf((facts) => peered(facts, "ACTIVE"))).toContain(
    "The peer dc2 shows no instance of it: it is not exported to this cluster",
  );
});

test("intentions: removed in Consul, not yet in Envoy, on requests that Envoy does not see, and missing where the default allows", () => {
  type Entry = {
    Kind: string;
    Name?: string;
    Protocol?: string;
    Sources?: { Name: string; Action?: string; Permissions?: object[] }[];
  };
  const entriesOf = (facts: Facts) => valueOf<Entry[]>(facts.entries.dc1);
  const sourcesOf = (facts: Facts) => {
    const entry = entriesOf(facts).find(({ Kind, Name }) => Kind === "service-intentions" && Name === "count-api");
    if (!entry?.Sources) throw new Error("There is no intention.");
    return { entry, own: entry.Sources.filter(({ Name }) => Name === "count-dashboard") };
  };
  const remove = (facts: Facts) => {
    const { entry, own } = sourcesOf(facts);
    entry.Sources = entry.Sources?.filter((it) => !own.includes(it));
  };
  expect(causeOf(remove)).toBe(
    "Cause: count-api: Consul refuses it: no intention allows count-dashboard to reach count-api, and the mesh denies by default. " +
      "The app allows it: deploy the app, which restores the intention. (intention)",
  );
  const open = diagnoseWith((facts) => {
    remove(facts);
    facts.defaultAllows = { value: true };
  });
  expect(open.ok).toBe(true);
  expect(remarksOf(open)).toContain(
    "intention: count-api: No intention applies to count-dashboard, and Consul's default is to allow.",
  );

  const stale = (facts: Facts) => {
    const { envoy } = envoyOf(facts, targetOf(facts, "stable"));
    for (const listener of envoy.listeners) {
      for (const { policies } of listener.rbac) delete policies?.["consul-intentions-layer4"];
    }
  };
  expect(causeOf(stale)).toContain(
    `Cause: ${STABLE}: Its Envoy refuses count-dashboard, although Consul's intentions allow it: it has not got the intention yet.`,
  );

  const onTcp = (facts: Facts) => {
    const { own } = sourcesOf(facts);
    delete own[0].Action;
    own[0].Permissions = [{ Action: "allow", HTTP: { PathPrefix: "/" } }];
    for (const entry of entriesOf(facts)) if (entry.Kind === "service-defaults") entry.Protocol = "tcp";
  };
  expect(causeOf(onTcp)).toContain("has permissions on requests, but the protocol of count-api is tcp.");
});

test("a program that listens elsewhere, not at all, or speaks another protocol", () => {
  const elsewhere = (facts: Facts, address: string, port: number) => {
    const fact = envoyOf(facts, targetOf(facts, "stable"));
    fact.sockets = fact.sockets.map((it) => (it.port === 9001 ? { address, port } : it));
  };
  expect(causeOf((facts) => elsewhere(facts, "127.0.0.5", 9001))).toContain(
    `Cause: ${STABLE}: Its program listens on 127.0.0.5 port 9001, but Envoy sends requests to 127.0.0.1:9001.`,
  );
  expect(causeOf((facts) => elsewhere(facts, "127.0.0.1", 9000))).toMatch(
    /Nothing listens on 127\.0\.0\.1:9001, where its Envoy sends requests; its programs listen on .*127\.0\.0\.1:9000/,
  );
  expect(diagnoseWith((facts) => elsewhere(facts, "::", 9001)).ok).toBe(true);
  const garbled = (facts: Facts) => {
    const { envoy } = envoyOf(facts, targetOf(facts, "stable"));
    envoy.counters = { "cluster.local_app.upstream_cx_protocol_error": 3 };
  };
  expect(causeOf(garbled)).toContain(
    "Its program does not speak http: Envoy counts 3 protocol errors, and no good answer.",
  );
});

test("a protocol that the two Envoys do not share, and a chain that differs from the app's", () => {
  expect(causeOf((facts) => (valueOf<{ Protocol: string }>(facts.chain).Protocol = "tcp"))).toContain(
    "Consul has the protocol tcp for count-api, but its Envoy reads requests.",
  );
  const drift = diagnoseWith((facts) => {
    if (facts.expected) facts.expected.ends[0].service = "count-api-next";
  });
  expect(remarksOf(drift)).toContainEqual(
    expect.stringContaining("In Consul its requests end at count-api, in the app at count-api-next"),
  );
  const words = "status 500: inconsistent protocols";
  expect(
    causeOf(
      (facts) =>
        (facts.chain = { engine: "Consul", request: "GET /v1/discovery-chain/count-api", kind: "failed", words }),
    ),
  ).toContain(`Consul cannot compile its discovery chain: ${words}.`);
});

test("what is counted is told, and what cannot be seen is no success", () => {
  const counted = diagnoseWith((facts) => {
    const { envoy } = envoyOf(facts, sourceOf(facts));
    const { name } = clusterOf(envoy, "stable");
    envoy.counters = {
      [`cluster.${name}.upstream_rq_timeout`]: 2,
      [`cluster.${name}.upstream_rq_retry`]: 4,
      [`cluster.${name}.ssl.fail_verify_san`]: 1,
    };
  });
  expect(remarksOf(counted)).toContain(
    `errors: ${DASHBOARD}, to count-api: Since its Envoy started, requests that timed out: 2, retries: 4, certificates with another name: 1.`,
  );
  const blind = diagnoseWith((facts) => {
    for (const id of Object.keys(facts.envoys))
      facts.envoys[id] = { kind: "hidden", words: "Nomad returned status 403: Permission denied" };
  });
  expect({ ok: blind.ok, cause: blind.cause }).toEqual({ ok: false, cause: undefined });
  expect(blind.sentence).toMatch(
    /^No cause was found, but not all was visible \(source-sidecar, .*app-listens\): Nomad returned status 403: Permission denied\.$/,
  );
  const nowhere = diagnoseWith((facts) => {
    facts.source = {
      engine: "Consul",
      request: "GET /v1/health/connect/count-dashboard",
      kind: "unreachable",
      words: "connect ECONNREFUSED",
    };
  });
  expect(nowhere.ok).toBe(false);
});

/** Has the source reach the destination by a prepared query only. */
function byQuery(facts: Facts, service: string, lookup: Omit<PreparedQuery["Service"], "Service"> = {}) {
  const source = sourceOf(facts);
  source.upstreams = source.upstreams.map((it) => ({ ...it, name: "near-api", isQuery: true, protocol: "http" }));
  facts.queries = { value: [{ Name: "near-api", Service: { Service: service, ...lookup } }] } as Facts["queries"];
  const { query } = onlyQueryTo(facts, [source]) ?? {};
  if (query) {
    const run = { datacenter: "dc1", protocol: "http", nearest: ["dc1", "dc2", "dc3"] };
    facts.chain = { value: chainOfQuery(query, run) } as Facts["chain"];
    const [all] = Object.values(facts.registered);
    facts.targets = { "near-api/dc1": all };
    facts.registered = { "near-api/dc1": all };
    facts.federated = { value: run.nearest };
  }
  const { envoy } = envoyOf(facts, source);
  envoy.clusters.push({ ...clusterOf(envoy, "stable"), name: "near-api.default.dc1.query.f3a9.consul" });
}

test("an upstream to a prepared query: what it looks up decides, and its endpoints are its own", () => {
  const well = diagnoseWith((facts) => byQuery(facts, "count-api"));
  expect(well.ok).toBe(true);
  expect(remarksOf(well)).toContain(
    `upstream: ${DASHBOARD}: Requests at 127.0.0.1:8080 go to the instances that the prepared query near-api finds, without routes, splits and failovers of count-api. Consul runs the query every 30 seconds.`,
  );
  expect(causeOf((facts) => byQuery(facts, "another"))).toContain(
    "Its sidecar has no upstream to count-api; it has near-api.",
  );
  const empty = causeOf((facts) => {
    byQuery(facts, "count-api");
    envoyOf(facts, sourceOf(facts)).envoy.clusters.at(-1)?.hosts.splice(0);
  });
  expect(empty).toMatch(/Its Envoy has no endpoint for the prepared query near-api: .*\(endpoints\)$/);
  expect(
    causeOf((facts) => {
      byQuery(facts, "count-api");
      valueOf<Mutable<CompiledChain>>(facts.chain).Protocol = "tcp";
    }),
  ).toContain(
    "The upstream to the prepared query near-api has the protocol tcp, but its Envoy reads requests. Set `protocol` in `config` of the upstream to that of count-api. (protocol)",
  );
  const hidden = diagnoseWith((facts) => {
    byQuery(facts, "count-api");
    facts.queries = { value: [] };
  });
  expect(hidden.ok).toBe(false);
  expect(hidden.sentence).toContain("Consul does not show the prepared query near-api, to which there is an upstream");
});

test("a prepared query decides which instances are healthy, and its failover leads to no cluster peer", () => {
  const warn = (facts: Facts) => {
    const instances = valueOf<Mutable<Instance>[]>(facts.targets["near-api/dc1"]);
    for (const { checks } of instances)
      checks[0] = { id: "disk", name: "Disk", status: "warning", output: "90 % full" };
  };
  const withWarning = (lookup: Omit<PreparedQuery["Service"], "Service">) => (facts: Facts) => {
    byQuery(facts, "count-api", lookup);
    warn(facts);
  };
  expect(diagnoseWith(withWarning({})).ok).toBe(true);
  expect(diagnoseWith(withWarning({ OnlyPassing: true, IgnoreCheckIDs: ["disk"] })).ok).toBe(true);
  expect(causeOf(withWarning({ OnlyPassing: true }))).toContain(
    "No instance of count-api is healthy: Disk: 90 % full. Fix what its check reports; see `meshform health`. (instances)",
  );
  const selected = causeOf((facts) => {
    byQuery(facts, "count-api", { Tags: ["v3", "!old"], ServiceMeta: { team: "a" } });
    facts.targets = { "near-api/dc1": { value: [] } };
  });
  expect(selected).toContain(
    'No instance has what the prepared query requires ("v3" in Service.Tags and "old" not in Service.Tags and Service.Meta["team"] == "a"), of 2 that are registered.',
  );
  const elsewhere = (target: { Peer?: string; Datacenter?: string }, id: string) => (facts: Facts) => {
    byQuery(facts, "count-api", { Failover: { NearestN: 1, Targets: [target] } });
    facts.targets = {
      "near-api/dc1": { value: [] },
      "near-api/dc2": { value: [] },
      [id]: facts.targets["near-api/dc1"],
    };
  };
  expect(diagnoseWith(elsewhere({ Datacenter: "dc3" }, "near-api/dc3")).ok).toBe(true);
  const peer = (facts: Facts) => {
    elsewhere({ Peer: "west" }, "near-api/peer west")(facts);
    facts.peerings = { value: [] };
  };
  expect(causeOf(peer)).toContain(
    "The prepared query near-api fails over to the cluster peer west: Envoy refuses the certificates of a cluster peer's instances that a prepared query finds. Use an upstream without preparedQuery, and the failover of count-api: resolve({ failover: … }). (endpoints)",
  );
});

test("an upstream on a Unix socket: its Envoy listens there, or not", () => {
  const onSocket = (facts: Facts, listening: string) => {
    const source = sourceOf(facts);
    source.upstreams = source.upstreams.map((it) => ({ ...it, port: 0, socket: "alloc/tmp/api.sock" }));
    const { envoy } = envoyOf(facts, source);
    envoy.listeners = envoy.listeners.map((it) => (it.port === 8080 ? { ...it, port: 0, socket: listening } : it));
  };
  expect(diagnoseWith((facts) => onSocket(facts, "alloc/tmp/api.sock")).ok).toBe(true);
  expect(causeOf((facts) => onSocket(facts, "elsewhere.sock"))).toContain(
    "Its Envoy has no listener at alloc/tmp/api.sock, the upstream to count-api",
  );
});

describe("in a WAN federation", () => {
  /** Has the upstream look the destination up in dc2, where all its instances are, in a mode of its own. */
  function federate(facts: Facts) {
    const source = sourceOf(facts);
    source.upstreams = source.upstreams.map((it) => ({ ...it, datacenter: "dc2" }));
    facts.federated = { value: ["dc1", "dc2"] };
    const chain = valueOf<Mutable<CompiledChain>>(facts.chain);
    chain.Datacenter = "dc2";
    for (const target of Object.values(chain.Targets)) if (target) target.Datacenter = "dc2";
    for (const cluster of envoyOf(facts, source).envoy.clusters) {
      if (cluster.name.includes(".count-api.")) cluster.name = `fc9afadf~${cluster.name}`;
    }
  }

  test("a service of another datacenter is looked up there, and the entries of the federation decide", () => {
    expect(diagnoseWith(federate)).toMatchObject({ ok: true });
    const alone = (facts: Facts) => {
      federate(facts);
      facts.federated = { value: ["dc1"] };
    };
    expect(remarksOf(diagnoseWith(alone))).toContainEqual(
      "intention: count-api: Entries of another cluster decide, which are not visible here.",
    );
  });

  test("mesh gateways lead to it, and what Nomad of the own datacenter has of it is no matter", () => {
    const withoutGateway = (facts: Facts) => {
      federate(facts);
      for (const { name, hosts } of envoyOf(facts, sourceOf(facts)).envoy.clusters) {
        if (name.startsWith("fc9afadf~")) hosts.splice(0);
      }
    };
    expect(causeOf(withoutGateway)).toContain(
      "Its Envoy has no endpoint for the subset stable of count-api in dc2: no mesh gateway leads there. Check that the mesh gateways of both clusters run. (endpoints)",
    );
    const absent = (facts: Facts) => {
      federate(facts);
      for (const id of Object.keys(facts.targets)) facts.targets[id] = { value: [] };
      facts.registered = {};
    };
    expect(causeOf(absent)).toContain(
      "Consul has no instance of it in dc2. 50 % of the requests go there. Deploy it there, or correct the name of the datacenter. (instances)",
    );
    const stopped = (facts: Facts) => {
      absent(facts);
      const jobs = valueOf<Mutable<JobFact>[]>(facts.jobs);
      jobs.push({ ...jobs[0], service: "count-api", datacenter: "dc2", state: "stopped" });
    };
    expect(causeOf(stopped)).toMatch(
      /Its job count-api is stopped, so Consul has no instance of it\. .*\(instances\)$/,
    );
  });

  test("upstreams say where the name is looked up, unless one of them means the own datacenter", () => {
    const instance = (...datacenters: (string | undefined)[]) => ({
      ...sourceOf(JSON.parse(recorded) as Facts),
      upstreams: datacenters.map((datacenter) => ({ name: "api", port: 1, ...(datacenter && { datacenter }) })),
    });
    expect(lookupDatacenter("api", [instance("dc2")])).toBe("dc2");
    expect(lookupDatacenter("api", [instance("dc2", undefined)])).toBeUndefined();
    expect(lookupDatacenter("another", [instance("dc2")])).toBeUndefined();
    expect(lookupDatacenter("api", [])).toBeUndefined();
  });
});
