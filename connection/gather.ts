import type * as consul from "../constructs/consul/generated/config-entries";
import type { ConfigEntryKind } from "../constructs/model/config-entries";
import { isSeen, look, type Fact, type Look } from "../cluster/fact";
import type { ConsulAgent } from "../cluster/facts";
import type { Explanation } from "../graph/explain";
import type { MeshDocuments } from "../lab/apply/documents";
import { identityOf } from "../lab/apply/documents";
import type { EngineAnswer, EngineApi } from "../lab/cluster/engine-api";
import type { PreparedQuery } from "../lab/cluster/prepared-query";
import { readJobs } from "../lab/cluster/read-jobs";
import { askEnvoys, type RunOnNode } from "./ask-envoys";
import type { ChainTarget, CompiledChain, ConnectionFacts, Instance, JobFact, LiveQuestion, Peering } from "./facts";
import { isHealthy, readInstances } from "./instances";
import { chainOfQuery } from "./query-chain";
import { onlyQueryTo } from "./upstreams";

/** The longest that an engine may take to answer one request, in milliseconds. */
const ANSWER_MS = 10_000;

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

/** One cluster, as it is asked. */
export interface AskedCluster {
  readonly consul: EngineApi;
  readonly nomad: EngineApi;
  /** Runs a program in the network of an allocation. @default by Nomad's exec API */
  readonly run?: RunOnNode;
}

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
  const ask = <T>(path: string, extra: Omit<Look<T>, "path"> = {}, { consul }: AskedCluster = cluster) =>
    look<T>(consul, ANSWER_MS, { path, ...extra });
  const name = encodeURIComponent;
  const [sources, compiled, peerings] = await Promise.all([
    membersOf((path) => ask<Instance[]>(path, { read: readInstances }), source),
    ask(`/v1/discovery-chain/${name(destination)}`, { read: readChain }),
    ask<Peering[]>("/v1/peerings"),
  ]);
  const datacenter = asked.datacenter ?? (isSeen(compiled) ? compiled.value.Datacenter : "");
  const hasQueries = isSeen(sources) && sources.value.some((it) => it.upstreams.some(({ isQuery }) => isQuery));
  const queries = hasQueries ? await ask<PreparedQuery[]>("/v1/query") : undefined;
  const byQuery = isSeen(sources) ? onlyQueryTo({ question: asked, queries }, sources.value) : undefined;
  const nearest = byQuery?.query.lookup.Failover?.NearestN ? await ask<string[]>("/v1/catalog/datacenters") : undefined;
  const chain = byQuery
    ? {
        value: chainOfQuery(byQuery.query, {
          datacenter,
          protocol: byQuery.upstream.protocol ?? "tcp",
          nearest: (nearest && valueOf(nearest)) ?? [],
        }),
      }
    : compiled;
  const targets = isSeen(chain) ? Object.values(chain.value.Targets).filter((it) => it !== undefined) : [];
  const services = [...new Set(targets.map(({ Service }) => Service))];
  const [instances, registered, defaultAllows, entries, jobs, gateways] = await Promise.all([
    keyed(
      targets,
      ({ ID }) => ID,
      (target) => ask<Instance[]>(pathOf(target, datacenter), { read: readInstances }),
    ),
    keyed(services, String, (service) =>
      ask<Instance[]>(`/v1/health/connect/${name(service)}`, { read: readInstances }),
    ),
    ask("/v1/agent/self", { read: readDefault }),
    keyed(
      [
        [datacenter, cluster] as const,
        ...Object.entries(others).flatMap(([it, other]) => (other ? [[it, other] as const] : [])),
      ],
      ([place]) => place,
      ([, it]) => readEntries((path) => ask<consul.ConfigEntry[] | null>(path, {}, it)),
    ),
    readJobFacts(cluster, [source, destination, ...services], documents),
    gatewaysFor(ask, services),
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
    ...{ jobs, source: sources, chain, targets: instances, registered, entries, defaultAllows, peerings, gateways },
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
async function membersOf(
  ask: (path: string) => Promise<Fact<readonly Instance[]>>,
  service: string,
): Promise<Fact<readonly Instance[]>> {
  const sidecars = await ask(`/v1/health/connect/${encodeURIComponent(service)}`);
  if (!isSeen(sidecars) || sidecars.value.length > 0) return sidecars;
  return ask(`/v1/health/service/${encodeURIComponent(service)}`);
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
function readDefault({ status, text }: EngineAnswer): boolean | undefined {
  if (status !== 200) return undefined;
  const { DebugConfig } = JSON.parse(text) as ConsulAgent;
  if (DebugConfig.DefaultIntentionPolicy) return DebugConfig.DefaultIntentionPolicy === "allow";
  return !DebugConfig.ACLsEnabled || DebugConfig.ACLResolverSettings.ACLDefaultPolicy === "allow";
}

/** One kind that cannot be seen makes all unseen: no decision could be trusted. */
async function readEntries(
  ask: (path: string) => Promise<Fact<consul.ConfigEntry[] | null>>,
): Promise<Fact<readonly consul.ConfigEntry[]>> {
  const facts = await Promise.all(KINDS.map((kind) => ask(`/v1/config/${kind}`)));
  const unseen = facts.find((fact) => !isSeen(fact));
  if (unseen && !isSeen(unseen)) return unseen;
  return { value: facts.flatMap((fact) => (isSeen(fact) ? (fact.value ?? []) : [])) };
}

/** The terminating gateways that a service is reached through. */
async function gatewaysFor(
  ask: <T>(path: string, extra?: Omit<Look<T>, "path">) => Promise<Fact<T>>,
  services: readonly string[],
): Promise<ConnectionFacts["gateways"]> {
  const entries = await ask<consul.TerminatingGatewayConfigEntry[] | null>("/v1/config/terminating-gateway");
  const names = (isSeen(entries) ? (entries.value ?? []) : [])
    .filter(({ Services }) => (Services ?? []).some(({ Name }) => services.includes(Name ?? "")))
    .flatMap(({ Name }) => Name ?? []);
  return keyed(names, String, (it) =>
    ask<Instance[]>(`/v1/health/service/${encodeURIComponent(it)}`, { read: readInstances }),
  );
}

async function readJobFacts(
  { consul, nomad }: AskedCluster,
  services: readonly string[],
  documents: MeshDocuments | undefined,
): Promise<Fact<readonly JobFact[]>> {
  const ofApp = (documents?.jobs ?? []).flatMap(({ job }) =>
    (job.TaskGroups ?? []).flatMap(({ Services }) =>
      (Services ?? []).flatMap(({ Name }) =>
        services.includes(Name ?? "") ? [{ ...identityOf(job), service: Name ?? "" }] : [],
      ),
    ),
  );
  const ask = <T>(path: string, read: (answer: EngineAnswer) => T | undefined) =>
    look<T>(nomad, ANSWER_MS, { path, read });
  const states = await Promise.all(
    ofApp.map(({ ID, Namespace }) =>
      ask(`/v1/job/${encodeURIComponent(ID)}?namespace=${encodeURIComponent(Namespace)}`, readState),
    ),
  );
  const unseen = states.find((state) => !isSeen(state));
  if (unseen && !isSeen(unseen)) return unseen;
  try {
    const isMeant = documents
      ? (job: { ID: string; Namespace: string }) =>
          ofApp.some((it) => it.ID === job.ID && it.Namespace === job.Namespace)
      : undefined;
    const statuses = await readJobs({ consul, nomad }, isMeant);
    const known = documents
      ? ofApp
      : statuses.flatMap(({ id, namespace, services: its }) =>
          its
            .filter(({ name }) => services.includes(name))
            .map(({ name }) => ({ ID: id, Namespace: namespace, service: name })),
        );
    return {
      value: known.map(({ ID: id, Namespace: namespace, service }, index) => {
        const status = statuses.find((it) => it.id === id && it.namespace === namespace);
        const state = documents ? valueOf(states[index]) : "submitted";
        const groups = new Set(status?.services.filter(({ name }) => name === service).map(({ group }) => group));
        const count = Object.entries(status?.groups ?? {}).reduce(
          (sum, [group, it]) => (groups.has(group) ? sum + it : sum),
          0,
        );
        return { service, id, namespace, state: state ?? "absent", count, ...(status && { status }) };
      }),
    };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return { engine: "Nomad", request: "GET /v1/jobs", kind: /403/.test(words) ? "denied" : "failed", words };
  }
}

function valueOf<T>(fact: Fact<T> | undefined): T | undefined {
  return fact && isSeen(fact) ? fact.value : undefined;
}

function readState({ status, text }: EngineAnswer): JobFact["state"] | undefined {
  if (status === 404) return "absent";
  if (status !== 200) return undefined;
  return (JSON.parse(text) as { Stop: boolean }).Stop ? "stopped" : "submitted";
}
