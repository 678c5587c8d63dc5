import { Listr } from "listr2";
import { decide } from "../../constructs/model/intentions";
import { EngineRefusal } from "../cluster/engine-api";
import type { Cluster } from "../cluster/cluster";
import { readConfigEntries } from "../cluster/config-entries";
import { LabError } from "../core/errors";
import { PROGRESS } from "../core/progress";
import { waitFor } from "../core/wait";

type Engines = Pick<Cluster, "consul" | "nomad">;

export interface DisconnectOptions {
  /** Name of the service whose connections are meant; `*` for all. */
  readonly source: string;
  /** Name of the service in Consul at which they end. */
  readonly destination: string;
  /** Time limit for each instance, in milliseconds. */
  readonly timeoutMs: number;
  /** Stops before the next instance. @default never */
  readonly signal?: AbortSignal;
}

/** How long an instance must be healthy before the next one's turn, in milliseconds: what Nomad's deployments wait too. */
const HOLD_MS = 10_000;

/**
 * Closes the open connections to a service, so that the intentions of now decide on all of them again. Consul's intentions are
 * asked when a connection opens, and for HTTP at each request; Envoy has no means to close those of one source. So the Envoys
 * that end the connections are restarted, one instance after another: each is healthy again before the next one's turn. A
 * source that is still allowed connects again. Shows its progress on standard output.
 *
 * @param clusters where the destination is looked for
 * @returns how many instances there were
 * @throws LabError if the source is still allowed, and nothing would be won; if an instance cannot be restarted, or is not healthy
 *   again in time: the others are left alone then
 */
export async function disconnect(clusters: readonly Engines[], options: DisconnectOptions): Promise<number> {
  try {
    const ends = (await Promise.all(clusters.map((cluster) => endsOf(cluster, options)))).flat();
    if (ends.length === 0) {
      throw new LabError(
        `Consul has no instance of ${options.destination} in the mesh.`,
        "Use the name of the service with the instances, not of a virtual service, redirect or failover.",
      );
    }
    await new Listr(
      ends.map((end, index) => ({
        title: `Restart ${end.task} on ${end.node} (${end.allocation.slice(0, 8)})`,
        task: () => restart(end, index === ends.length - 1 ? 0 : HOLD_MS, options),
      })),
      PROGRESS,
    ).run();
    return ends.length;
  } catch (error) {
    if (!(error instanceof EngineRefusal)) throw error;
    throw new LabError(
      error.message,
      "This requires a token that can read services and intentions in Consul, and one with alloc-lifecycle in Nomad.",
      { cause: error },
    );
  }
}

/** The Envoy, or the task without one, that ends connections to an instance. */
interface End {
  readonly cluster: Engines;
  readonly node: string;
  readonly allocation: string;
  readonly task: string;
}

async function endsOf(cluster: Engines, { source, destination }: DisconnectOptions): Promise<End[]> {
  const { consul } = cluster;
  // Sidecars, services that speak mutual TLS themselves, and terminating gateways that lead to it.
  const found = ((await consul.get(`/v1/health/connect/${encodeURIComponent(destination)}`)) ?? []) as Instance[];
  if (found.length === 0) return [];
  if (source !== "*") await expectDenied(cluster, source, destination);
  return Promise.all(found.map((instance) => endOf(cluster, instance, destination)));
}

async function expectDenied(cluster: Engines, source: string, destination: string): Promise<void> {
  const known = (await cluster.consul.get(`/v1/catalog/service/${encodeURIComponent(source)}`)) as
    unknown[] | undefined;
  if (!known?.length) {
    throw new LabError(
      `Consul has no service ${source}.`,
      "Use the name of the source in Consul, or * for all sources, including those of other clusters.",
    );
  }
  // Consul's own answer to this, `intentions/check`, knows nothing of `default_intention_policy`.
  const { allowed } = decide(await readConfigEntries(cluster), { service: source }, destination);
  if (allowed === "all") {
    throw new LabError(
      `The intentions still allow ${source} to reach ${destination}, so it would reconnect.`,
      `Deny it first, as in \`consul intention create -deny -replace ${source} ${destination}\`.`,
    );
  }
}

async function endOf(cluster: Engines, { Node, Service }: Instance, destination: string): Promise<End> {
  const allocation = /^_nomad-task-([0-9a-f-]{36})-/.exec(Service.ID)?.[1];
  const name = Service.Kind === "terminating-gateway" ? Service.Service : destination;
  const found = allocation && ((await cluster.nomad.get(`/v1/allocation/${allocation}`)) as Allocation | undefined);
  const group = found ? found.Job.TaskGroups.find(({ Name }) => Name === found.TaskGroup) : undefined;
  const isEnd = ({ Kind }: Task) =>
    /^connect-(proxy|terminating|native):/.test(Kind ?? "") && Kind?.endsWith(`:${name}`);
  const task = group?.Tasks.find(isEnd);
  if (!allocation || !task) {
    throw new LabError(
      `The instance ${Service.ID} of ${destination} on ${Node.Node} does not belong to this Nomad.`,
      "Restart it manually, or deregister it from Consul if it no longer exists.",
    );
  }
  return { cluster, node: Node.Node, allocation, task: task.Name };
}

async function restart(end: End, holdMs: number, options: DisconnectOptions): Promise<void> {
  const { cluster, allocation, task } = end;
  const { nomad } = cluster;
  options.signal?.throwIfAborted();
  const before = await stateOf(end);
  await nomad.post(`/v1/client/allocation/${allocation}/restart`, { TaskName: task }).catch((error: unknown) => {
    // A task with a long shutdown delay is still being ended when Nomad's answer is given up; the wait below goes on.
    if (!(error instanceof LabError)) throw error;
  });
  let healthySince: number | undefined;
  let problem: string | undefined;
  await waitFor(
    `${task} of allocation ${allocation} to run again and be healthy`,
    async () => {
      problem = await problemOf(end, before);
      healthySince = problem === undefined ? (healthySince ?? Date.now()) : undefined;
      return healthySince !== undefined && Date.now() - healthySince >= holdMs;
    },
    {
      timeoutMs: options.timeoutMs,
      intervalMs: 250,
      signal: options.signal,
      lastSeen: () => problem,
      fix: `See \`nomad alloc status ${allocation}\`. The remaining instances were not restarted.`,
    },
  );
}

/** What an instance still lacks, or undefined. */
async function problemOf(end: End, before: TaskState | undefined): Promise<string | undefined> {
  const state = await stateOf(end);
  if (state?.State !== "running") return `The task is ${state?.State ?? "gone"}.`;
  if (state.Restarts <= (before?.Restarts ?? 0)) return "The task has not restarted yet.";
  const path = `/v1/health/node/${encodeURIComponent(end.node)}`;
  const checks = ((await end.cluster.consul.get(path)) ?? []) as Check[];
  const failing = checks.find((it) => it.ServiceID.includes(end.allocation) && it.Status !== "passing");
  return failing && `${failing.Name} is ${failing.Status}: ${failing.Output}`;
}

async function stateOf({ cluster, allocation, task }: End): Promise<TaskState | undefined> {
  const found = (await cluster.nomad.get(`/v1/allocation/${allocation}`)) as Allocation | undefined;
  return found?.TaskStates?.[task];
}

/** What is read of the engines' answers. */
interface Instance {
  readonly Node: { readonly Node: string };
  readonly Service: { readonly ID: string; readonly Service: string; readonly Kind?: string };
}

interface Allocation {
  readonly TaskGroup: string;
  readonly Job: { readonly TaskGroups: readonly { readonly Name: string; readonly Tasks: readonly Task[] }[] };
  readonly TaskStates: Readonly<Record<string, TaskState>> | null;
}

interface Task {
  readonly Name: string;
  readonly Kind?: string;
}

interface TaskState {
  readonly State: string;
  readonly Restarts: number;
}

interface Check {
  readonly ServiceID: string;
  readonly Name: string;
  readonly Status: string;
  readonly Output: string;
}
