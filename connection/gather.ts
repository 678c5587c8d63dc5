import type * as consul from "../constructs/consul/generated/config-entries";
import type { ConfigEntryKind } from "../constructs/model/config-entries";
import { isSeen, mapFact, valueOf, type Fact } from "../cluster/fact";
import type { ConsulAgent } from "../cluster/facts";
import type { Explanation } from "../graph/explain";
import type { MeshDocuments } from "../lab/apply/documents";
import type { EngineAnswer, EngineApi } from "../lab/cluster/engine-api";
import type { PreparedQuery } from "../lab/cluster/prepared-query";
import { askEnvoys } from "./ask-envoys";
import { ANSWER_MS, ask, type AskedCluster } from "./asked-cluster";
import type { ChainTarget, CompiledChain, ConnectionFacts, Instance, LiveQuestion, Peering } from "./facts";
import { isHealthy, readInstances } from "./instances";
import { readJobFacts } from "./job-facts";
import { chainOfQuery } from "./query-chain";
import { lookupDatacenter, onlyQueryTo } from "./upstreams";

/** So many Envoys of each service are asked. */
const MOST_ENVOYS = 5;

/** Config entries that decide where requests go and who lets them in. */
const KINDS: readonly ConfigEntryKind[] = [
  "exported-services",
  "proxy-defaults",
  "service-defaults",
  "service-intentions",
  "service-resolver",
  "service-router",
  "service-splitter",
  "terminating-gateway",
];

/** The question, where the datacenter of the source is that of the Consul that is asked unless it is given. */
export type AskedQuestion = Omit<LiveQuestion, "datacenter"> & Partial<Pick<LiveQuestion, "datacenter">>;

export interface GatherOptions {
  /** What the graph says. @default nothing is known of it */
  readonly expected?: Explanation;
  /** The app, for its jobs. @default all jobs of the cluster with the services */
  readonly documents?: MeshDocuments;
  /** The other clusters that can be asked, by datacenter. @default none */
  readonly others?: Readonly<Partial<Record<string, AskedCluster>>>;
}

/** Asks Consul, Nomad and the Envoys all that the links need, once. Changes nothing. */
export async function gatherConnection(
  cluster: AskedCluster,
  asked: AskedQuestion,
  { expected, documents, others = {} }: GatherOptions = {},
): Promise<ConnectionFacts> {
  const { source, destination } = asked;
  const { consul } = cluster;
  const name = encodeURIComponent;
  const [self, federated, peerings, sources] = await Promise.all([
    ask(consul, "/v1/agent/self", { read: readSelf }),
    ask<string[]>(consul, "/v1/catalog/datacenters"),
    ask<Peering[]>(consul, "/v1/peerings"),
    membersOf(consul, source),
  ]);
  const there = lookupDatacenter(destination, valueOf(sources) ?? []);
  const compiled = await ask(
    consul,
    `/v1/discovery-chain/${name(destination)}${there === undefined ? "" : `?compile-dc=${name(there)}`}`,
    { read: readChain },
  );
  const ownChain = there === undefined ? valueOf(compiled) : undefined;
  const datacenter = asked.datacenter ?? valueOf(self)?.datacenter ?? ownChain?.Datacenter ?? "";
  const hasQueries = isSeen(sources) && sources.value.some((it) => it.upstreams.some(({ isQuery }) => isQuery));
  const queries = hasQueries ? await ask<PreparedQuery[]>(consul, "/v1/query") : undefined;
  const byQuery = isSeen(sources) ? onlyQueryTo({ question: asked, queries }, sources.value) : undefined;
  const chain = byQuery
    ? {
        value: chainOfQuery(byQuery.query, {
          datacenter,
          protocol: byQuery.upstream.protocol ?? "tcp",
          nearest: valueOf(federated) ?? [],
        }),
      }
    : compiled;
  const targets = isSeen(chain) ? Object.values(chain.value.Targets).filter((it) => it !== undefined) : [];
  const services = [...new Set(targets.map(({ Service }) => Service))];
  const clusters = [
    [datacenter, cluster] as const,
    ...Object.entries(others).flatMap(([it, other]) => (other ? [[it, other] as const] : [])),
  ];
  const ofTarget = (target: ChainTarget) =>
    ask<Instance[]>(consul, pathOf(target, datacenter), { read: readInstances });
  const [instances, registered, entries, jobs, gateways] = await Promise.all([
    keyed(targets, ({ ID }) => ID, ofTarget),
    keyed(
      targets.filter(({ Subset }) => Subset?.Filter),
      ({ ID }) => ID,
      (target) => ofTarget({ ...target, Subset: undefined }),
    ),
    keyed(
      clusters,
      ([place]) => place,
      ([, it]) => readEntries(it.consul),
    ),
    Promise.all(clusters.map(([place, it]) => readJobFacts(it, place, [source, destination, ...services], documents))),
    gatewaysFor(consul, services),
  ]);
  const homeOf = ({ Peer, Datacenter }: ChainTarget): AskedCluster | undefined =>
    !Peer && Datacenter === datacenter ? cluster : others[Peer || Datacenter];
  const askable = [
    { cluster, instances: some(sources) },
    ...targets.map((target) => ({ cluster: homeOf(target), instances: some(instances[target.ID]) })),
  ];
  const envoys = await Promise.all(
    askable.map(async ({ cluster: home, instances: list }) => (home ? askEnvoys(home, ANSWER_MS, list) : {})),
  );
  return {
    question: { ...asked, datacenter },
    asOf: new Date().toISOString(),
    ...(expected && { expected }),
    ...(queries && { queries }),
    ...{ source: sources, chain, targets: instances, registered, entries, peerings, federated, gateways },
    defaultAllows: mapFact(self, ({ defaultAllows }) => defaultAllows),
    jobs: jobs.find((it) => !isSeen(it)) ?? { value: jobs.flatMap((it) => valueOf(it) ?? []) },
    envoys: Object.assign({}, ...envoys) as ConnectionFacts["envoys"],
  };
}

/** Those that take part in requests come first. */
function some(instances: Fact<readonly Instance[]>): Instance[] {
  if (!isSeen(instances)) return [];
  const rank = (it: Instance) => (isHealthy(it) ? 0 : 1);
  return [...instances.value].sort((left, right) => rank(left) - rank(right)).slice(0, MOST_ENVOYS);
}

/** Its sidecars, or the gateways of that name. */
async function membersOf(engine: EngineApi, service: string): Promise<Fact<readonly Instance[]>> {
  const of = (kind: "connect" | "service") =>
    ask<Instance[]>(engine, `/v1/health/${kind}/${encodeURIComponent(service)}`, { read: readInstances });
  const sidecars = await of("connect");
  return !isSeen(sidecars) || sidecars.value.length > 0 ? sidecars : of("service");
}

function pathOf({ Service, Datacenter, Peer, Subset }: ChainTarget, home: string): string {
  const query = new URLSearchParams({
    ...(Subset?.Filter && { filter: Subset.Filter }),
    ...(Peer ? { peer: Peer } : Datacenter !== home && { dc: Datacenter }),
  });
  return `/v1/health/connect/${encodeURIComponent(Service)}?${query.toString()}`;
}

async function keyed<Item, Value>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  read: (item: Item) => Promise<Value>,
): Promise<Readonly<Record<string, Value>>> {
  return Object.fromEntries(await Promise.all(items.map(async (item) => [keyOf(item), await read(item)] as const)));
}

function readChain({ status, text }: EngineAnswer): CompiledChain | undefined {
  return status === 200 ? (JSON.parse(text) as { Chain: CompiledChain }).Chain : undefined;
}

/** Agents configure Envoys by their own settings. */
function readSelf({ status, text }: EngineAnswer): { datacenter: string; defaultAllows: boolean } | undefined {
  if (status !== 200) return undefined;
  const { Config, DebugConfig } = JSON.parse(text) as ConsulAgent;
  const { DefaultIntentionPolicy, ACLsEnabled, ACLResolverSettings } = DebugConfig;
  const defaultAllows = DefaultIntentionPolicy
    ? DefaultIntentionPolicy === "allow"
    : !ACLsEnabled || ACLResolverSettings.ACLDefaultPolicy === "allow";
  return { datacenter: Config.Datacenter, defaultAllows };
}

/** One kind that cannot be seen makes all unseen: no decision could be trusted. */
async function readEntries(engine: EngineApi): Promise<Fact<readonly consul.ConfigEntry[]>> {
  const facts = await Promise.all(KINDS.map((kind) => ask<consul.ConfigEntry[] | null>(engine, `/v1/config/${kind}`)));
  const unseen = facts.find((fact) => !isSeen(fact));
  if (unseen && !isSeen(unseen)) return unseen;
  return { value: facts.flatMap((fact) => (isSeen(fact) ? (fact.value ?? []) : [])) };
}

/** The terminating gateways that a service is reached through. */
async function gatewaysFor(engine: EngineApi, services: readonly string[]): Promise<ConnectionFacts["gateways"]> {
  const entries = await ask<consul.TerminatingGatewayConfigEntry[] | null>(engine, "/v1/config/terminating-gateway");
  const names = (isSeen(entries) ? (entries.value ?? []) : [])
    .filter(({ Services }) => (Services ?? []).some(({ Name }) => services.includes(Name ?? "")))
    .flatMap(({ Name }) => Name ?? []);
  return keyed(names, String, (it) =>
    ask<Instance[]>(engine, `/v1/health/service/${encodeURIComponent(it)}`, { read: readInstances }),
  );
}
