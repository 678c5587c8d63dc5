import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { enterAllocation } from "../hosts/namespaces";
import type { ProcessRecord } from "../machine/processes";
import { addDurations, NO_DURATIONS, type Durations } from "./durations";
import type { JobStatus } from "./job-status";

/** How fast something was counted, per second. */
export interface Rates {
  readonly requests: number;
  /** Requests answered with a status of 400 to 499. */
  readonly clientErrors: number;
  /** Requests answered with a status of 500 or more, by anyone. */
  readonly serverErrors: number;
  readonly connections: number;
  /** Connections for which the destination had no healthy instance, or none that accepted it. */
  readonly failedConnections: number;
}

/** What the Envoys of one member of the mesh sent to one destination. */
export interface Flow extends Rates {
  /** Consul name of the service that the Envoys are beside, or of the gateway that they are. */
  readonly source: string;
  /** Where the source is. */
  readonly sourceDatacenter: string;
  readonly destination: string;
  /** Where the destination is; empty if it is at a peer. */
  readonly datacenter: string;
  /** The cluster peer that the destination is at; empty for none. */
  readonly peer: string;
  /**
   * `asked`: what the source's programs asked an upstream for, wherever that led. `sent`: what Envoys passed on to instances
   * of this very service. `entered`: requests to the listeners of a gateway, which is both source and destination.
   */
  readonly seen: "asked" | "sent" | "entered";
  /** The subset that was asked for; empty for none. */
  readonly subset: string;
  /**
   * Of what was sent where the destination has a failover: 0 is the destination itself, 1 the first choice after it.
   * Requests that were sent so are also counted without a choice; their errors only there.
   */
  readonly choice?: number;
  /** Whether the destination is a prepared query, which finds the instances of a service. @default false */
  readonly isQuery?: boolean;
  /** Connections that are open at the second look. @default 0 */
  readonly openConnections?: number;
  /** How long the requests took that ended between the two looks. @default unknown: none of the Envoys measures it */
  readonly durations?: Durations;
}

/** What flows through the mesh, from what the Envoys themselves count, in two looks a little apart. */
export interface Traffic {
  /** Between the two looks, about. */
  readonly seconds: number;
  readonly flows: readonly Flow[];
  /** Whose Envoys could not be asked, and why, one sentence each. */
  readonly problems: readonly string[];
}

/** The counters that are read, by the names that Envoy has for them. */
const FILTER = [
  "^http\\.(upstream(_peered)?\\.|ingress_upstream_).*\\.downstream_rq_(completed|xx|[1-5]xx|time)$",
  "^tcp\\.upstream(_peered)?\\..*\\.downstream_cx_total$",
  "^cluster\\..*\\.upstream_(rq_completed|rq_xx|rq_[1-5]xx|cx_total|cx_active|cx_connect_fail|cx_none_healthy)$",
  // Those of a cluster's name itself, not those that Envoy counts again for requests from elsewhere.
  "^cluster\\..*\\.consul\\.upstream_rq_time$",
  "^cluster\\.failover-target~.*\\.upstream_rq_total$",
].join("|");

/** How long the Envoys of an allocation may take to answer, in milliseconds. */
const ANSWER_MS = 15_000;

/** How many Envoys are asked at a time: each takes a process. */
const AT_A_TIME = 8;

/** What all Envoys had counted at a time. */
export interface Look {
  /** In milliseconds. */
  readonly at: number;
  readonly samples: ReadonlyMap<string, Sample>;
  readonly problems: readonly string[];
}

/**
 * Asks the Envoys of the instances that run what they have counted.
 *
 * @param initOf the first process of a host
 */
export async function lookAtEnvoys(
  jobs: readonly JobStatus[],
  initOf: (host: string) => ProcessRecord | undefined,
  signal?: AbortSignal,
): Promise<Look> {
  const instances = jobs.flatMap(({ id, instances }) =>
    instances.filter(({ isRunning }) => isRunning).map((instance) => ({ job: id, ...instance })),
  );
  const at = Date.now();
  const samples = new Map<string, Sample>();
  const problems: string[] = [];
  for (let start = 0; start < instances.length; start += AT_A_TIME) {
    signal?.throwIfAborted();
    const some = instances.slice(start, start + AT_A_TIME);
    await Promise.all(
      some.map(async ({ job, allocation, node }) => {
        const init = initOf(node);
        try {
          if (!init) throw new Error(`host ${node} is not running`);
          for (const sample of await readCounters(init, allocation, signal)) {
            samples.set(`${allocation} ${sample.address}`, sample);
          }
        } catch (error) {
          signal?.throwIfAborted();
          problems.push(`Cannot query the Envoys of ${job} on ${node}: ${reasonOf(error)}.`);
        }
      }),
    );
  }
  return { at, samples, problems };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ("killed" in error && error.killed) return `no answer within ${ANSWER_MS / 1000} s`;
  return error.message.trim().split("\n").at(-1) ?? "";
}

/** What was counted between two looks. */
export function trafficBetween(first: Look, second: Look): Traffic {
  return {
    seconds: (second.at - first.at) / 1000,
    flows: flowsBetween(first.samples, second.samples),
    problems: [...new Set([...first.problems, ...second.problems])],
  };
}

/** What one Envoy had counted at a time. */
export interface Sample {
  readonly address: string;
  /** In milliseconds. */
  readonly at: number;
  readonly counters: ReadonlyMap<string, Counter>;
}

/** @internal One line of Envoy's statistics that is about a flow. */
export interface Counter {
  readonly flow: FlowKey;
  readonly measure: Measure;
  readonly value: number;
}

type FlowKey = Omit<Flow, keyof Rates | "durations" | "openConnections">;

/** What a line measures: something that is counted, what there is now, the time of all requests, or how many took at most so long. */
type Measure = keyof Rates | "openConnections" | "sumMs" | { readonly atMost: number };

async function readCounters(init: ProcessRecord, allocation: string, signal?: AbortSignal): Promise<Sample[]> {
  const [command, ...args] = [
    ...(await enterAllocation(init, allocation)),
    ...[process.execPath, join(__dirname, "envoy-stats.mjs"), FILTER],
  ];
  const { stdout } = await promisify(execFile)(command, args, {
    timeout: ANSWER_MS,
    maxBuffer: 64 * 1024 * 1024,
    signal,
  });
  const answers = JSON.parse(stdout) as { address: string; at: number; stats: string }[];
  return answers.map(({ address, at, stats }) => ({ address, at, counters: parseCounters(stats) }));
}

type Labels = Partial<Record<string, string>>;

/** @internal Reads Envoy's statistics as Prometheus would, and keeps what is about flows. */
export function parseCounters(stats: string): ReadonlyMap<string, Counter> {
  return new Map(
    stats.split("\n").flatMap((line): [string, Counter][] => {
      const match = /^(\w+)\{(.*)\} ([\d.e+-]+)$/.exec(line);
      if (!match) return [];
      const [, name, labelText, value] = match;
      const labels = Object.fromEntries(
        [...labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]),
      ) as Labels;
      const flow = flowOf(name, labels);
      const measure = measureOf(name, labels, flow?.choice !== undefined);
      return measure && flow ? [[`${name}{${labelText}}`, { flow, measure, value: Number(value) }]] : [];
    }),
  );
}

/** Envoy says of one choice of several only how many requests it sent there, and of all together how they ended. */
function measureOf(
  name: string,
  { envoy_response_code_class: codeClass, le }: Labels,
  isChoice: boolean,
): Measure | undefined {
  const bound = le === "+Inf" ? Infinity : Number(le);
  switch (name) {
    case "envoy_http_downstream_rq_completed":
      return "requests";
    case "envoy_cluster_upstream_rq_completed":
      return isChoice ? undefined : "requests";
    case "envoy_cluster_upstream_rq_total":
      return isChoice ? "requests" : undefined;
    case "envoy_http_downstream_rq_xx":
    case "envoy_cluster_upstream_rq_xx":
      return codeClass === "4" ? "clientErrors" : codeClass === "5" ? "serverErrors" : undefined;
    case "envoy_tcp_downstream_cx_total":
    case "envoy_cluster_upstream_cx_total":
      return "connections";
    case "envoy_cluster_upstream_cx_connect_fail":
    case "envoy_cluster_upstream_cx_none_healthy":
      return "failedConnections";
    case "envoy_cluster_upstream_cx_active":
      return "openConnections";
    case "envoy_http_downstream_rq_time_sum":
    case "envoy_cluster_upstream_rq_time_sum":
      return "sumMs";
    case "envoy_http_downstream_rq_time_bucket":
    case "envoy_cluster_upstream_rq_time_bucket":
      return { atMost: bound };
    default:
      return undefined;
  }
}

/** Consul has Envoy label what it counts with who asks whom. */
function flowOf(name: string, labels: Labels): FlowKey | undefined {
  const { consul_source_service: source, consul_source_datacenter: sourceDatacenter = "" } = labels;
  const asked = labels.consul_upstream_service;
  if (source === undefined) return undefined;
  const from = { source, sourceDatacenter };
  if (name.startsWith("envoy_cluster_")) {
    const to = clusterOf(labels);
    if (labels.consul_destination_routing_type !== "query") return to && { ...from, ...to, seen: "sent" };
    return to && { ...from, ...to, datacenter: to.datacenter || sourceDatacenter, seen: "sent", isQuery: true };
  }
  if (labels.envoy_http_conn_manager_prefix?.startsWith("ingress_upstream_")) {
    return { ...from, destination: source, datacenter: sourceDatacenter, peer: "", subset: "", seen: "entered" };
  }
  if (asked === undefined) return undefined;
  const { consul_upstream_datacenter: datacenter = "", consul_upstream_peer: peer = "" } = labels;
  return { ...from, destination: asked, datacenter, peer, subset: "", seen: "asked" };
}

/** Which service a cluster of Envoy leads to. */
function clusterOf(labels: Labels): Omit<FlowKey, "source" | "sourceDatacenter" | "seen"> | undefined {
  const { consul_destination_service: destination, consul_destination_peer: peer = "" } = labels;
  if (destination === undefined) return undefined;
  const { consul_destination_datacenter: datacenter = "", consul_destination_service_subset: subset = "" } = labels;
  const { consul_destination_custom_hash: hash = "", consul_destination_full_target: target = "" } = labels;
  // A mesh gateway names the partition of a peer's service too, which Consul's rules for labels do not expect: they take the name
  // of the service for a subset, and that of the namespace for the service.
  const atPeer = /^([^.]+)\.[^.]+\.[^.]+\.([^.]+)\.external\./.exec(target);
  if (atPeer) return { destination: atPeer[1], datacenter: "", peer: atPeer[2], subset: "" };
  // The cluster of each choice bears the name of the destination itself, behind its number.
  const choice = /^failover-target~(\d+)$/.exec(hash)?.[1];
  return { destination, datacenter, peer, subset, ...(choice !== undefined && { choice: Number(choice) }) };
}

/** @internal */
export function flowsBetween(first: ReadonlyMap<string, Sample>, second: ReadonlyMap<string, Sample>): Flow[] {
  const flows = new Map<string, FlowDraft>();
  for (const [envoy, { at, counters }] of second) {
    const before = first.get(envoy);
    if (!before) continue;
    const seconds = (at - before.at) / 1000;
    for (const [line, { flow, measure, value }] of counters) {
      const key = JSON.stringify(flow);
      const sum = flows.get(key) ?? { ...flow, ...NO_RATES };
      flows.set(key, sum);
      if (measure === "openConnections") {
        sum.openConnections = (sum.openConnections ?? 0) + value;
        continue;
      }
      // An Envoy that has restarted counts from zero.
      const difference = Math.max(0, value - (before.counters.get(line)?.value ?? 0));
      if (measure === "sumMs" || typeof measure === "object") {
        sum.durations = addDurations(sum.durations ?? NO_DURATIONS, durationsOf(measure, difference));
      } else {
        sum[measure] += difference / seconds;
      }
    }
  }
  return [...flows.values()];
}

type FlowDraft = { -readonly [Key in keyof Flow]: Flow[Key] };

/** Nothing at all. */
export const NO_RATES: Rates = {
  ...{ requests: 0, clientErrors: 0, serverErrors: 0 },
  ...{ connections: 0, failedConnections: 0 },
};

function durationsOf(measure: "sumMs" | { readonly atMost: number }, value: number): Durations {
  if (measure === "sumMs") return { ...NO_DURATIONS, sumMs: value };
  const { atMost } = measure;
  return atMost === Infinity
    ? { ...NO_DURATIONS, count: value }
    : { ...NO_DURATIONS, atMost: new Map([[atMost, value]]) };
}
