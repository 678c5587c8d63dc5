import { queryFor } from "../constructs/consul/prepared-query";
import type { JobStatus } from "../lab/cluster/job-status";
import { addDurations, meanMs, NO_DURATIONS, quantileMs } from "../lab/cluster/durations";
import type { QueryDocument } from "../lab/apply/documents";
import { NO_RATES, type Flow, type Traffic } from "../lab/cluster/traffic";
import type { EdgeTraffic, MeshEdge, MeshGraph, MeshNode } from "./model";
import { instancesOf } from "./words";

/** What was seen of a running lab. */
export interface LiveReading {
  readonly lab: string;
  readonly takenAt: Date;
  readonly jobs: readonly JobStatus[];
  readonly traffic: Traffic;
  /** The prepared queries that are deployed there. @default none */
  readonly queries?: readonly QueryDocument[];
}

/** Lays what was seen in a running lab over the graph of what is deployed there. */
export function withLive(graph: MeshGraph, reading: LiveReading): MeshGraph {
  const { lab, takenAt, jobs, traffic, queries = [] } = reading;
  const nodeOf = new Map(graph.nodes.map((node) => [node.id, node]));
  const meter = new Meter(graph, nodeOf, throughQueries(traffic.flows, queries));
  return {
    ...graph,
    nodes: graph.nodes.map((node) => withHealth(node, jobs)),
    edges: graph.edges.map((edge) => ({ ...edge, traffic: meter.read(edge) })),
    notes: [...graph.notes, ...traffic.problems],
    live: { lab, takenAt: takenAt.toISOString(), seconds: traffic.seconds },
  };
}

/** What a prepared query was asked for is sent to the service that it looks up, whatever its traffic rules are. */
function throughQueries(flows: readonly Flow[], queries: readonly QueryDocument[]): Flow[] {
  return flows.flatMap((flow) => {
    if (!flow.isQuery) return [flow];
    const isThere = ({ datacenter = flow.sourceDatacenter }: QueryDocument) => datacenter === flow.sourceDatacenter;
    const destination = queryFor(queries.filter(isThere), flow.destination)?.service;
    return destination === undefined
      ? []
      : (["asked", "sent"] as const).map((seen) => ({ ...flow, destination, seen }));
  });
}

function withHealth(node: MeshNode, all: readonly JobStatus[]): MeshNode {
  if (!node.jobs) return node;
  // What names no datacenter is deployed to the first.
  const isHere = ({ datacenter }: JobStatus) => node.group === undefined || datacenter === node.group;
  const parts = node.jobs.flatMap(({ id, namespace = "default", group = id, kind }) => {
    const job = all.find((it) => it.id === id && it.namespace === namespace && isHere(it));
    const isOf = (it: { readonly group: string }) => it.group === group;
    return job ? [{ ...job, wanted: job.groups[group] ?? 0, instances: job.instances.filter(isOf), group, kind }] : [];
  });
  const instances = parts.flatMap((part) => part.instances);
  const problems = parts.flatMap(({ instances, unplaced, group }) => [
    ...instances.flatMap(({ node: host, problems }) => problems.map((problem) => `on ${host}: ${problem}`)),
    ...unplaced.filter((sentence) => sentence.includes(` group ${group} `)),
  ]);
  const running = node.jobs.filter(({ kind }) => kind !== "periodic" && kind !== "parameterized" && kind !== "system");
  // A job that the lab does not have is missing altogether.
  const wanted = Math.max(
    instancesOf({ ...node, jobs: running }),
    parts.reduce((sum, part) => sum + part.wanted, 0),
  );
  // What is started now and then, and was not yet.
  if (wanted === 0 && running.length === 0 && parts.length > 0) return node;
  const healthy = instances.filter((it) => it.healthy).length;
  const isDone = healthy > 0 && healthy >= wanted && instances.every(({ isRunning }) => !isRunning);
  return { ...node, health: { healthy, wanted, problems, ...(isDone && { isDone }) } };
}

/** What was measured of one flow, or of several. */
type Rates = Pick<Flow, keyof typeof NO_RATES | "openConnections" | "durations">;

const NOTHING: Rates = NO_RATES;

/** Finds what belongs to an arrow among all flows. */
class Meter {
  private readonly asked = new Map<string, Rates>();
  private readonly sent = new Map<string, Rates>();
  /** What was sent to one of several choices, by source and destination. */
  private readonly choices = new Map<string, Flow[]>();
  /** What came to a service by failover, by source and destination. */
  private readonly fallen = new Map<string, Rates>();
  /** What came to a gateway from outside, by the gateway. */
  private readonly entered = new Map<string, Rates>();
  /** Who may reach a node, by the node's id. */
  private readonly callers = new Map<string, Set<MeshNode>>();
  /** What a node may reach, by the node's id. */
  private readonly destinations = new Map<string, Set<MeshNode>>();
  /** Subsets that have a failover of their own, by their service's id. */
  private readonly ownFailovers = new Map<string | undefined, Set<string>>();

  constructor(
    { groups, edges }: MeshGraph,
    private readonly nodeOf: ReadonlyMap<string, MeshNode>,
    flows: readonly Flow[],
  ) {
    const peers = new Set(groups.map(({ id }) => id).filter((id) => id.startsWith("peer ")));
    for (const flow of flows) this.record(flow, peers);
    for (const { kind, source, destination } of edges) {
      const caller = nodeOf.get(source);
      const called = nodeOf.get(destination);
      if (kind === "connection" && caller) added(this.callers, destination, caller);
      if (kind === "connection" && called) added(this.destinations, source, called);
      if (kind === "failover" && caller?.subsetOf) added(this.ownFailovers, caller.subsetOf, caller.name);
    }
    for (const edge of edges) {
      const [service, target] = [edge.source, edge.destination].map((id) => this.serviceOf(nodeOf.get(id)));
      if (edge.kind !== "failover" || !service || !target || service === target) continue;
      for (const caller of this.callers.get(service.id) ?? []) {
        count(this.fallen, keyOf(caller, target), this.failover(edge, caller));
      }
    }
  }

  read(edge: MeshEdge): EdgeTraffic | undefined {
    const [source, destination] = [this.nodeOf.get(edge.source), this.nodeOf.get(edge.destination)];
    if (!source || !destination || source.kind === "any" || destination.kind === "any") return undefined;
    const [from, service] = [source, destination].map((node) => this.serviceOf(node));
    if (!from || !service || edge.kind === "carries") return undefined;
    if (edge.kind === "enters") return this.entering(destination);
    if (edge.kind === "connection") {
      const key = keyOf(source, service);
      const asked = edge.ways && this.asked.get(key);
      const sent = plus(this.sent.get(key), this.fallen.get(key));
      // Only what is sent to instances can fail to connect.
      const { failedConnections, openConnections } = sent ?? NOTHING;
      return trafficOf(asked ? { ...asked, failedConnections, openConnections } : sent, service);
    }
    // What those who reach a service sent on to where it leads.
    const subset = destination.kind === "subset" ? destination.name : undefined;
    const rates = [...(this.callers.get(from.id) ?? [])].map((caller) => {
      if (edge.kind === "failover") return this.failover(edge, caller);
      const asked = this.asked.get(keyOf(caller, source));
      return (edge.kind === "redirect" && asked) || this.sent.get(keyOf(caller, service, subset));
    });
    return trafficOf(sum(rates), service);
  }

  private record(flow: Flow, peers: ReadonlySet<string>): void {
    const { source, sourceDatacenter, destination, datacenter, peer, subset, seen, choice } = flow;
    if (seen === "entered") {
      for (const group of new Set([undefined, sourceDatacenter])) {
        count(this.entered, gatewayKey({ name: source, group }), flow);
      }
      return;
    }
    const readings = seen === "asked" ? this.asked : this.sent;
    // A graph that names no datacenter has but one.
    const peerGroup = peers.has(`peer ${peer}`) ? `peer ${peer}` : peer;
    const places = peer === "" ? new Set([undefined, datacenter]) : [peerGroup];
    for (const from of new Set([undefined, sourceDatacenter])) {
      for (const to of places) {
        const ends = [
          { name: source, group: from },
          { name: destination, group: to },
        ] as const;
        if (choice !== undefined) {
          const key = keyOf(...ends);
          this.choices.set(key, [...(this.choices.get(key) ?? []), flow]);
        }
        // Requests are counted for all choices together too.
        const { connections, failedConnections, openConnections } = flow;
        const rates = choice === undefined ? flow : { ...NOTHING, connections, failedConnections, openConnections };
        for (const key of [keyOf(...ends), keyOf(...ends, subset)]) count(readings, key, rates);
      }
    }
  }

  /** What comes to a gateway; of others than gateways that is not counted. */
  private entering(gateway: MeshNode): EdgeTraffic | undefined {
    if (gateway.kind !== "gateway") return undefined;
    if (gateway.listeners?.some((listener) => !listener.startsWith("tcp "))) {
      return trafficOf(this.entered.get(gatewayKey(gateway)), { protocol: "http" });
    }
    // A connection to a listener of tcp is one to a destination.
    const sent = [...(this.destinations.get(gateway.id) ?? [])].map((it) => this.sent.get(keyOf(gateway, it)));
    return trafficOf(sum(sent), { protocol: "tcp" });
  }

  /** What one caller of a service, or of a subset, was answered by this choice. */
  private failover({ source, choice }: MeshEdge, caller: MeshNode): Rates | undefined {
    const node = this.nodeOf.get(source);
    const service = this.serviceOf(node);
    if (!node || !service) return undefined;
    const isOf = ({ subset }: Flow) =>
      node === service ? !this.ownFailovers.get(service.id)?.has(subset) : subset === node.name;
    const flows = (this.choices.get(keyOf(caller, service)) ?? []).filter((it) => it.choice === choice && isOf(it));
    return sum(flows);
  }

  private serviceOf(node: MeshNode | undefined): MeshNode | undefined {
    return node?.subsetOf === undefined ? node : this.nodeOf.get(node.subsetOf);
  }
}

function added<Key, Item>(sets: Map<Key, Set<Item>>, key: Key, item: Item): void {
  sets.set(key, (sets.get(key) ?? new Set()).add(item));
}

function counterOf({ name, countedAs }: End): string {
  return countedAs ?? name;
}

/** Nothing is known of what no Envoy has told of. */
function trafficOf(rates: Rates | undefined, { protocol }: Pick<MeshNode, "protocol">): EdgeTraffic | undefined {
  if (!rates) return undefined;
  const { requests, clientErrors, serverErrors, connections, failedConnections, openConnections: open } = rates;
  const { durations = NO_DURATIONS } = rates;
  const isPlain = protocol === "tcp" || (protocol === undefined && requests === 0);
  // Envoy adds durations to its histograms seconds later, so they may be those of requests before.
  const isTimed = requests > 0 && durations.count > 0;
  return isPlain
    ? {
        unit: "connections",
        perSecond: connections,
        ...(failedConnections > 0 && { failedPerSecond: failedConnections }),
        ...(open !== undefined && { open }),
      }
    : {
        unit: "requests",
        perSecond: requests,
        clientErrorsPerSecond: clientErrors,
        serverErrorsPerSecond: serverErrors,
        ...(isTimed && { meanMs: meanMs(durations), p95Ms: quantileMs(durations, 0.95) }),
      };
}

function count(readings: Map<string, Rates>, key: string, rates: Rates | undefined): void {
  const total = plus(readings.get(key), rates);
  if (total) readings.set(key, total);
}

function sum(rates: readonly (Rates | undefined)[]): Rates | undefined {
  return rates.reduce(plus, undefined);
}

function plus(left: Rates | undefined, right: Rates | undefined): Rates | undefined {
  if (!left || !right) return left ?? right;
  return {
    requests: left.requests + right.requests,
    clientErrors: left.clientErrors + right.clientErrors,
    serverErrors: left.serverErrors + right.serverErrors,
    connections: left.connections + right.connections,
    failedConnections: left.failedConnections + right.failedConnections,
    openConnections: plusOptional(left.openConnections, right.openConnections, (a, b) => a + b),
    durations: plusOptional(left.durations, right.durations, addDurations),
  };
}

function plusOptional<T>(left: T | undefined, right: T | undefined, add: (left: T, right: T) => T): T | undefined {
  return left === undefined || right === undefined ? (left ?? right) : add(left, right);
}

type End = Pick<MeshNode, "name" | "group" | "countedAs">;

function gatewayKey(gateway: End): string {
  return JSON.stringify([counterOf(gateway), gateway.group]);
}

function keyOf(source: End, destination: End, subset?: string): string {
  return JSON.stringify([counterOf(source), source.group, destination.name, destination.group, subset]);
}
