import { isSeen, look } from "../cluster/fact";
import type { EngineApi } from "../lab/cluster/engine-api";
import { viewAllocation } from "./admin";
import { VIEW_PATHS, viewOf } from "./envoy-view";
import type { EnvoyFact, Instance } from "./facts";
import { ExecError, runInTask } from "./run-by-nomad";

/** Runs a program in the network of an allocation on a node. */
export type RunOnNode = (node: string, allocation: string, command: readonly string[]) => Promise<string>;

/** What is read of Nomad's allocations. */
interface Allocation {
  readonly ID: string;
  readonly NodeName: string;
  readonly ClientStatus: string;
  readonly TaskStates: Readonly<
    Record<string, { readonly State: string; readonly Events: readonly { readonly DisplayMessage: string }[] | null }>
  > | null;
}

interface Asked {
  readonly nomad: EngineApi;
  readonly run?: RunOnNode;
}

/** Asks the Envoys of instances, each allocation once. */
export async function askEnvoys(
  cluster: Asked,
  timeoutMs: number,
  instances: readonly Instance[],
): Promise<Readonly<Record<string, EnvoyFact>>> {
  const byAllocation = new Map<string | undefined, Instance[]>();
  for (const it of instances.filter(({ kind }) => kind !== "native" && kind !== "plain")) {
    byAllocation.set(it.allocation, [...(byAllocation.get(it.allocation) ?? []), it]);
  }
  const facts = [...byAllocation].map(async ([allocation, its]) => {
    const of = await envoysIn(cluster, timeoutMs, allocation, its);
    return its.map(({ id }, index) => [id, of[index]] as const);
  });
  return Object.fromEntries((await Promise.all(facts)).flat());
}

async function envoysIn(
  { nomad, run }: Asked,
  timeoutMs: number,
  id: string | undefined,
  instances: readonly Instance[],
): Promise<EnvoyFact[]> {
  const all = (fact: EnvoyFact) => instances.map(() => fact);
  if (id === undefined) return all({ kind: "hidden", words: "Nomad does not run it" });
  const found = await look<Allocation>(nomad, timeoutMs, { path: `/v1/allocation/${id}` });
  if (!isSeen(found)) return all({ kind: "hidden", words: `${found.request} of Nomad: ${found.words}` });
  const { TaskStates, NodeName, ClientStatus } = found.value;
  const tasks = Object.entries(TaskStates ?? {});
  const stateOf = ({ service }: Instance) =>
    tasks.find(([name]) => name === `connect-proxy-${service}`) ?? tasks.find(([name]) => name.startsWith("connect-"));
  const stopped = instances.map((instance): EnvoyFact | undefined => {
    const [name = "its Envoy", { State, Events } = { State: ClientStatus, Events: null }] = stateOf(instance) ?? [];
    if (State === "running") return undefined;
    const last = Events?.at(-1)?.DisplayMessage;
    return {
      kind: "stopped",
      words: `the task ${name} is ${State}${last === undefined ? "" : ` (${last.replace(/\.$/, "")})`}`,
    };
  });
  if (stopped.every((it) => it !== undefined)) return stopped;
  const running = tasks.filter(([, { State }]) => State === "running").map(([name]) => name);
  // An image without bash may be next to one that has it: they share the network.
  const candidates = running.sort(
    (left, right) => Number(right.startsWith("connect-")) - Number(left.startsWith("connect-")),
  );
  try {
    const view = await viewAllocation(
      (command) => (run ? run(NodeName, id, command) : inOneOf(nomad, id, candidates, command)),
      VIEW_PATHS,
    );
    const envoys = view.admins.map(viewOf);
    return instances.map((instance, index) => {
      const envoy = envoys.find((it) => it.id === instance.id);
      const silent =
        view.silent.length > 0
          ? `its admin listener ${view.silent.join(", ")} does not answer`
          : "it has no admin listener";
      return stopped[index] ?? (envoy ? { envoy, sockets: view.sockets } : { kind: "silent", words: silent });
    });
  } catch (error) {
    const words = error instanceof Error ? error.message.trim().split("\n").at(-1) : String(error);
    return instances.map((_, index) => stopped[index] ?? { kind: "hidden", words: words ?? "" });
  }
}

async function inOneOf(
  nomad: EngineApi,
  allocation: string,
  tasks: readonly string[],
  command: readonly string[],
): Promise<string> {
  let failure: unknown = new ExecError("no task of the allocation runs");
  for (const task of tasks) {
    try {
      return await runInTask(nomad, { allocation, task }, command);
    } catch (error) {
      failure = error;
      if (!/executable file not found|no such file/i.test(String(error))) break;
    }
  }
  throw failure;
}
