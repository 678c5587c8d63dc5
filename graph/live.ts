import { healthyInstances, type JobStatus } from "../lab/services";
import type { Flow, Rates, Traffic } from "../lab/traffic";
import type { EdgeTraffic, MeshEdge, MeshGraph, MeshNode } from "./model";
import { instancesOf } from "./words";

/** What was seen of a running lab. */
export interface LiveReading {
  readonly lab: string;
  readonly takenAt: Date;
  readonly jobs: readonly JobStatus[];
  readonly traffic: Traffic;
}

/** Lays what was seen in a running lab over the graph of what is deployed there. */
export function withLive(graph: MeshGraph, { lab, takenAt, jobs, traffic }: LiveReading): MeshGraph {
  const jobOf = new Map(jobs.map((job) => [job.id, job]));
  const nodeOf = new Map(graph.nodes.map((node) => [node.id, node]));
  const meter = new Meter(graph, nodeOf, traffic.flows);
  return {
    ...graph,
    nodes: graph.nodes.map((node) => withHealth(node, jobOf)),
    edges: graph.edges.map((edge) => ({ ...edge, traffic: meter.read(edge) })),
    notes: [...graph.notes, ...traffic.problems],
    live: { lab, takenAt: takenAt.toISOString(), seconds: traffic.seconds },
  };
}

function withHealth(node: MeshNode, jobOf: ReadonlyMap<string, JobStatus>): MeshNode {
  if (!node.jobs) return node;
  const jobs = node.jobs.flatMap(({ id }) => jobOf.get(id) ?? []);
  const problems = jobs.flatMap(({ instances, unplaced }) => [
    ...instances.flatMap(({ node: host, problems }) => problems.map((problem) => `on ${host}: ${problem}`)),
    ...unplaced,
  ]);
  // A job that the lab does not have is missing altogether.
  const wanted = Math.max(
    instancesOf(node),
    jobs.reduce((sum, job) => sum + job.wanted, 0),
  );
  return { ...node, health: { healthy: jobs.reduce((sum, job) => sum + healthyInstances(job), 0), wanted, problems } };
}

const NOTHING: Rates = { requests: 0, clientErrors: 0, serverErrors: 0, connections: 0 };

/** Finds what belongs to an arrow among all flows. */
class Meter {
  private readonly asked = new Map<string, Rates>();
  private readonly sent = new Map<string, Rates>();
  /** Who may reach a node: names under which sources count, by the node's id. */
  private readonly callers = new Map<string, Set<string>>();

  constructor(
    graph: MeshGraph,
    private readonly nodeOf: ReadonlyMap<string, MeshNode>,
    flows: readonly Flow[],
  ) {
    for (const { source, destination, datacenter, subset, seen, ...rates } of flows) {
      const readings = seen === "asked" ? this.asked : this.sent;
      // A graph that names no datacenter has but one.
      for (const place of new Set(["", datacenter])) {
        for (const key of [keyOf(source, destination, place), keyOf(source, destination, place, subset)]) {
          readings.set(key, plus(readings.get(key), rates));
        }
      }
    }
    for (const { kind, source, destination } of graph.edges) {
      const caller = nodeOf.get(source);
      if (kind !== "connection" || !caller) continue;
      const callers = this.callers.get(destination) ?? new Set();
      this.callers.set(destination, callers.add(counterOf(caller)));
    }
  }

  read(edge: MeshEdge): EdgeTraffic | undefined {
    const [source, destination] = [this.nodeOf.get(edge.source), this.nodeOf.get(edge.destination)];
    if (!source || !destination || source.kind === "any" || destination.kind === "any") return undefined;
    const service = destination.kind === "subset" ? this.nodeOf.get(destination.subsetOf ?? "") : destination;
    const subset = destination.kind === "subset" ? destination.name : undefined;
    if (!service) return undefined;
    const place = service.group ?? "";
    if (edge.kind === "connection") {
      const key = keyOf(counterOf(source), service.name, place);
      return trafficOf((edge.ways && this.asked.get(key)) ?? this.sent.get(key), service);
    }
    if (edge.kind === "carries") return undefined;
    // What those who reach a service sent on to where it leads.
    const from = source.kind === "subset" ? (source.subsetOf ?? "") : source.id;
    const rates = [...(this.callers.get(from) ?? [])].map((caller) => {
      const asked = this.asked.get(keyOf(caller, source.name, source.group ?? ""));
      return (edge.kind === "redirect" && asked) || this.sent.get(keyOf(caller, service.name, place, subset));
    });
    return trafficOf(
      rates.reduce<Rates>((sum, it) => plus(sum, it ?? NOTHING), NOTHING),
      service,
    );
  }
}

function counterOf({ name, countedAs }: MeshNode): string {
  return countedAs ?? name;
}

function trafficOf(rates: Rates = NOTHING, { protocol }: MeshNode): EdgeTraffic {
  const { requests, clientErrors, serverErrors, connections } = rates;
  const isPlain = protocol === "tcp" || (protocol === undefined && requests === 0);
  return isPlain
    ? { unit: "connections", perSecond: connections }
    : {
        unit: "requests",
        perSecond: requests,
        clientErrorsPerSecond: clientErrors,
        serverErrorsPerSecond: serverErrors,
      };
}

function plus(left: Rates = NOTHING, right: Rates): Rates {
  return {
    requests: left.requests + right.requests,
    clientErrors: left.clientErrors + right.clientErrors,
    serverErrors: left.serverErrors + right.serverErrors,
    connections: left.connections + right.connections,
  };
}

function keyOf(source: string, destination: string, datacenter: string, subset?: string): string {
  return JSON.stringify([source, destination, datacenter, subset]);
}
