import type { Allocation, ConsulCheck, Job, TaskEvent, TaskGroup } from "./engine-answers";
import { isGateway } from "./group-services";
import type { InstanceStatus, TaskStatus } from "./job-status";

/** @param isEndless whether its job runs until it is stopped */
export function instanceStatus(
  allocation: Allocation,
  { TaskGroups, Version }: Job,
  checks: readonly ConsulCheck[],
  isEndless: boolean,
): InstanceStatus {
  const group = TaskGroups?.find(({ Name }) => Name === allocation.TaskGroup);
  const own = checks.filter(({ ServiceID }) => ServiceID.includes(allocation.ID));
  const isOfGateway = (group?.Services ?? []).some(isGateway);
  const isRunning = allocation.ClientStatus === "running";
  const isDone = !isEndless && allocation.ClientStatus === "complete";
  const isEnding = !isEndless && hasDone(allocation, group);
  const problems = [
    ...(isRunning || isDone ? [] : [`its status is ${allocation.ClientStatus}`]),
    ...(allocation.DeploymentStatus?.Healthy === false ? ["it is unhealthy"] : []),
    ...(isRunning && !isEnding && !isRegistered(allocation, Version, group, own)
      ? ["not registered in Consul yet"]
      : []),
    ...own.filter(({ Status }) => Status !== "passing").map((it) => `${it.Name}: ${it.Output.trim() || it.Status}`),
  ];
  return {
    allocation: allocation.ID,
    group: allocation.TaskGroup,
    node: allocation.NodeName,
    tasks: Object.entries(allocation.TaskStates ?? {}).map(([name, state]) => ({
      name,
      state: state.State,
      hasFailed: state.Failed || state.Restarts > 0,
      events: (state.Events ?? []).map(({ Type, DisplayMessage }) => `${Type}: ${DisplayMessage}`),
      isSidecar:
        !isOfGateway &&
        (group?.Tasks ?? []).some((task) => task.Name === name && (task.Kind ?? "").startsWith("connect-")),
      fatal: fatalOf(state.Events ?? []),
    })),
    isRunning,
    healthy: problems.length === 0,
    problems,
  };
}

/** Whether a task that does the work has done it: Nomad then removes the services from Consul, before it ends the Envoys. */
function hasDone({ TaskStates }: Allocation, group: TaskGroup | undefined): boolean {
  const working = (group?.Tasks ?? []).filter(({ Lifecycle }) => !Lifecycle);
  return working.some(({ Name }) => TaskStates?.[Name]?.State === "dead" && !TaskStates[Name].Failed);
}

/** Whether Consul has every check of an allocation that runs. One that is missing may fail as soon as it is there. */
function isRegistered(
  { TaskStates, JobVersion }: Allocation,
  version: number,
  group: TaskGroup | undefined,
  found: readonly ConsulCheck[],
): boolean {
  const running = (group?.Tasks ?? []).filter(({ Name }) => TaskStates?.[Name]?.State === "running");
  const services = [...(group?.Services ?? []), ...running.flatMap((task) => task.Services ?? [])];
  const inConsul = services.filter(({ Provider }) => Provider !== "nomad");
  const ofSidecars = found.filter(({ ServiceID }) => ServiceID.endsWith("-sidecar-proxy"));
  const sidecars = new Set(ofSidecars.map(({ ServiceID }) => ServiceID));
  const isSomeThere = found.length > 0 || !inConsul.some((it) => it.Connect?.SidecarService || isGateway(it));
  // Another version may have other checks.
  if (JobVersion !== version) return isSomeThere;
  return (
    isSomeThere &&
    found.length - ofSidecars.length >= inConsul.flatMap(({ Checks }) => Checks ?? []).length &&
    sidecars.size >= inConsul.filter(({ Connect }) => Connect?.SidecarService).length
  );
}

/** Of a driver's failures those that come again with each start: what it is to run is not there, or is no program. */
const lasting =
  /executable file not found|could not be found|no such file or directory|permission denied|exec format error|failed to pull/i;

/** What Nomad says where one of its own processes for a task did not start, which has nothing to do with the task. */
const ofNomad = /Unrecognized remote plugin message|timeout while waiting for plugin to start/;

/** Why a task cannot run: Nomad calls its error unrecoverable, or its driver could not start it and never will. */
function fatalOf(events: readonly TaskEvent[]): TaskStatus["fatal"] {
  const isStart = ({ Type }: TaskEvent) => Type === "Started";
  // What has started since has got over it.
  const since = events.slice(events.map(isStart).lastIndexOf(true) + 1);
  const failure = since.filter(({ Type }) => Type === "Driver Failure" || Type === "Setup Failure").at(-1);
  const end = since.find(
    ({ Type, DisplayMessage }) => Type === "Not Restarting" && /unrecoverable/.test(DisplayMessage),
  );
  const isLasting = failure !== undefined && lasting.test(failure.DisplayMessage);
  const event = end ?? (isLasting ? failure : undefined);
  if (event === undefined) return undefined;
  const reason = (failure ?? event).DisplayMessage;
  return { reason, at: event.Time / 1e6, isOfNomad: ofNomad.test(reason) };
}
