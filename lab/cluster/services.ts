import { proxyServiceOf } from "../../constructs/nomad/inbound-gateway-job";
import type { Cluster } from "./cluster";
import { isUnplaceable, placementProblems, type PlacementFailure } from "./placement";

/** One instance of a job. */
export interface InstanceStatus {
  readonly allocation: string;
  /** The task group that it is of. */
  readonly group: string;
  readonly node: string;
  readonly tasks: readonly TaskStatus[];
  readonly isRunning: boolean;
  /** A batch job's instance that has done its work is healthy. */
  readonly healthy: boolean;
  /** Why it is not healthy, one reason each; empty if it is. */
  readonly problems: readonly string[];
}

export interface TaskStatus {
  readonly name: string;
  readonly state: string;
  /** Whether it ended otherwise than it should, once at least. */
  readonly hasFailed: boolean;
  /** What happened to it, the latest last. */
  readonly events: readonly string[];
  /** Whether it is an Envoy beside a service; that of a gateway is the gateway itself. */
  readonly isSidecar: boolean;
  /** Why no restart on its node would help, and since when, in milliseconds. @default one may */
  readonly fatal?: { readonly reason: string; readonly at: number };
}

/** One destination that a service reaches through its sidecar. */
export interface UpstreamStatus {
  /** The service beside whose sidecar it is. */
  readonly source: string;
  /** The task group of that service. */
  readonly group: string;
  readonly destination: string;
  /** Cluster peer of the destination. @default the same cluster */
  readonly peer?: string;
  /** Datacenter of the destination in a WAN federation. @default that of the source */
  readonly datacenter?: string;
  /** Whether the destination is a prepared query, which finds the instances of a service. @default false */
  readonly isQuery?: boolean;
  /** 0 if Envoy listens on a Unix socket. */
  readonly localPort: number;
  /** Path of the Unix socket, as its Envoy has it. @default it listens on a port */
  readonly socketPath?: string;
}

/** The datacenter of an upstream's destination. @param own that of the source */
export function destinationDatacenter(
  { peer, datacenter }: Pick<UpstreamStatus, "peer" | "datacenter">,
  own: string,
): string {
  return peer ?? datacenter ?? own;
}

/** A service that a job registers in Consul. Those of a gateway are none. */
export interface ServiceStatus {
  readonly name: string;
  /** The task group that registers it. */
  readonly group: string;
  /** Whether it is in the mesh, and others may want to reach it there: it has a port and an Envoy, or speaks the mesh's TLS itself. */
  readonly isDestination: boolean;
  /** Whether it reaches others through a transparent proxy, without an upstream. @default false */
  readonly isTransparent?: boolean;
}

/** One job, whatever its kind. Of a periodic or parameterized job the instances are those of its runs that go on, and of the last one. */
export interface JobStatus {
  readonly id: string;
  readonly datacenter: string;
  readonly namespace: string;
  /** `service` and `system` jobs run until they are stopped; `batch` and `sysbatch` until they are done. */
  readonly kind: "service" | "system" | "batch" | "sysbatch";
  /** What starts its runs, and the ids of the latest of them, the last one first. @default it runs itself */
  readonly trigger?: "periodic" | "dispatch";
  readonly runs?: readonly string[];
  readonly services: readonly ServiceStatus[];
  readonly upstreams: readonly UpstreamStatus[];
  /** Its static ports on the hosts. */
  readonly ports: readonly number[];
  readonly wanted: number;
  /** Of that, what each group is to have. */
  readonly groups: Readonly<Record<string, number>>;
  readonly instances: readonly InstanceStatus[];
  /** The last one of each group that has failed and was replaced, or taken back with its deployment. */
  readonly failed: readonly InstanceStatus[];
  /** Whether canaries run beside instances of the version before, until somebody promotes them. */
  readonly awaitsPromotion: boolean;
  /** Whether canaries run beside instances of the version before, and Nomad is about to promote them. */
  readonly isReplacing: boolean;
  /** Why Nomad finds no node for the rest of what is wanted, one sentence for each group. */
  readonly unplaced: readonly string[];
  /** Whether no node fits one of those groups at all, be there room or not. @default false */
  readonly isUnplaceable?: boolean;
  /** Whether it leads to other datacenters. */
  readonly isMeshGateway: boolean;
  /** Why what runs is not what was deployed last, as a sentence. @default it is */
  readonly outdated?: string;
  /** How the last deployment of what should run has failed, as a sentence. @default it has not */
  readonly failure?: string;
}

/** What is read of a cluster here. */
export type ReadableCluster = Pick<Cluster, "consul" | "nomad"> & Partial<Pick<Cluster, "datacenter">>;

/**
 * The jobs of a datacenter, with the health of their instances as Nomad and Consul see it.
 *
 * @param isMeant which of them. Default: all
 */
export async function readJobs(
  cluster: ReadableCluster,
  isMeant: (job: { readonly ID: string; readonly Namespace: string }) => boolean = () => true,
): Promise<JobStatus[]> {
  const { nomad, consul } = cluster;
  const stubs = ((await nomad.get("/v1/jobs?namespace=*")) ?? []) as JobStub[];
  const checks = ((await consul.get("/v1/health/state/any")) ?? []) as ConsulCheck[];
  const wanted = stubs.filter((stub) => !stub.ParentID && !stub.Stop && isMeant(stub));
  return Promise.all(
    wanted.map(async (stub) => {
      if (stub.Periodic || stub.ParameterizedJob) return readRuns(cluster, stub, stubs, checks);
      return readJob(cluster, stub, checks);
    }),
  );
}

async function readJob(
  { datacenter = "", nomad }: ReadableCluster,
  { ID, Namespace }: JobStub,
  checks: readonly ConsulCheck[],
): Promise<JobStatus> {
  const path = `/v1/job/${encodeURIComponent(ID)}`;
  const query = `?namespace=${encodeURIComponent(Namespace)}`;
  const job = (await nomad.get(`${path}${query}`)) as Job;
  const allocations = ((await nomad.get(`${path}/allocations${query}`)) ?? []) as Allocation[];
  const deployments = ((await nomad.get(`${path}/deployments${query}`)) ?? []) as Deployment[];
  const latest = latestOf(deployments);
  const outdated = rollbackOf(job, deployments);
  const status = {
    datacenter,
    ...jobStatus(job, allocations, checks, canariesOf(job, latest)),
    ...(outdated && { outdated }),
    ...(latest?.JobVersion === job.Version &&
      latest.Status === "failed" && {
        failure: `The last deployment of ${ID} has failed: ${latest.StatusDescription}.`,
      }),
  };
  if (status.instances.length >= status.wanted && !isOnEachNode(job)) return status;
  const evaluations = ((await nomad.get(`${path}/evaluations${query}`)) ?? []) as Evaluation[];
  const last = latestOf(evaluations);
  const failures = last?.FailedTGAllocs ?? {};
  const isToBePlaced = last === undefined || last.Status === "pending";
  const missing = (group: string) => (isToBePlaced ? 1 : group in failures ? failures[group].CoalescedFailures + 1 : 0);
  const groups = Object.entries(status.groups).map(([name, count]): [string, number] => [name, count + missing(name)]);
  return {
    ...status,
    ...(isOnEachNode(job) && wantedOf(groups)),
    unplaced: placementProblems(failures),
    isUnplaceable: isUnplaceable(failures),
  };
}

function wantedOf(groups: readonly (readonly [string, number])[]): Pick<JobStatus, "wanted" | "groups"> {
  const counts: Record<string, number> = {};
  for (const [name, count] of groups) counts[name] = (counts[name] ?? 0) + count;
  return { wanted: Object.values(counts).reduce((sum, count) => sum + count, 0), groups: counts };
}

/** A job that only starts others: what it says, and how those are. */
async function readRuns(
  cluster: ReadableCluster,
  parent: JobStub,
  stubs: readonly JobStub[],
  checks: readonly ConsulCheck[],
): Promise<JobStatus> {
  const children = stubs
    .filter(({ ParentID, Namespace }) => ParentID === parent.ID && Namespace === parent.Namespace)
    .sort((left, right) => right.SubmitTime - left.SubmitTime)
    .filter(({ Status }, index) => index === 0 || Status !== "dead");
  const [status, ...runs] = await Promise.all([parent, ...children].map((stub) => readJob(cluster, stub, checks)));
  return {
    ...status,
    trigger: parent.Periodic ? "periodic" : "dispatch",
    runs: runs.map(({ id }) => id),
    ...wantedOf(runs.flatMap(({ groups }) => Object.entries(groups))),
    instances: runs.flatMap(({ instances }) => instances),
    failed: runs.flatMap(({ failed }) => failed),
    unplaced: runs.flatMap(({ unplaced }) => unplaced),
  };
}

export function isHealthy(job: JobStatus): boolean {
  return (
    job.outdated === undefined &&
    !job.isReplacing &&
    healthyInstances(job) >= job.wanted &&
    job.instances.every(({ healthy }) => healthy)
  );
}

export function healthyInstances({ instances }: JobStatus): number {
  return instances.filter(({ healthy }) => healthy).length;
}

function jobStatus(
  job: Job,
  allocations: readonly Allocation[],
  checks: readonly ConsulCheck[],
  canaries: readonly Canaries[],
): Omit<JobStatus, "datacenter"> {
  const groups = job.TaskGroups ?? [];
  // A mesh gateway is for other datacenters, not for people.
  const published = groups.filter((group) => !isMeshGateway(group)).flatMap(({ Networks }) => Networks ?? []);
  const [manual, automatic] = [false, true].map((isAutomatic) =>
    canaries.filter((it) => it.isAutomatic === isAutomatic),
  );
  const isCurrent = ({ JobVersion }: Allocation) => JobVersion === job.Version || canaries.length > 0;
  const isEndless = job.Type === "service" || job.Type === "system";
  const current = (isEndless ? allocations : latestOfEach(allocations)).filter(
    (it) => it.DesiredStatus === "run" && isCurrent(it),
  );
  const isParent = !job.ParentID && Boolean(job.Periodic ?? job.ParameterizedJob);
  // Where a system job runs is for Nomad to say: which nodes are ready, and fit.
  const countOf = ({ Name, Count }: TaskGroup) => {
    if (isParent) return 0;
    return isOnEachNode(job) ? current.filter(({ TaskGroup }) => TaskGroup === Name).length : Count;
  };
  const read = (allocation: Allocation) => instanceStatus(allocation, job, checks, isEndless);
  return {
    id: job.ID,
    namespace: job.Namespace,
    kind: job.Type,
    services: groups.flatMap(servicesOf),
    upstreams: groups.flatMap(upstreamsOf),
    ports: published.flatMap(({ ReservedPorts }) => (ReservedPorts ?? []).map(({ Value }) => Value)),
    ...wantedOf([
      ...groups.map((group): [string, number] => [group.Name, countOf(group)]),
      ...canaries.map(({ group, count }): [string, number] => [group, count]),
    ]),
    awaitsPromotion: manual.length > 0,
    isReplacing: automatic.length > 0,
    instances: current.map(read),
    failed: lastFailuresOf(allocations.filter((it) => !current.includes(it))).map(read),
    unplaced: [],
    isMeshGateway: groups.some(isMeshGateway),
  };
}

/** Nomad keeps those that it has placed again. */
function latestOfEach(allocations: readonly Allocation[]): Allocation[] {
  const byName = new Map<string, Allocation>();
  for (const it of [...allocations].sort((left, right) => left.CreateIndex - right.CreateIndex))
    byName.set(it.Name, it);
  return [...byName.values()];
}

/** Of each group the last one that failed, of the last version that has any. */
function lastFailuresOf(allocations: readonly Allocation[]): Allocation[] {
  const failed = allocations.filter(
    ({ ClientStatus, DeploymentStatus }) => ClientStatus === "failed" || DeploymentStatus?.Healthy === false,
  );
  const version = Math.max(...failed.map(({ JobVersion }) => JobVersion));
  const groups = new Map(
    failed
      .filter(({ JobVersion }) => JobVersion === version)
      .sort((left, right) => left.CreateIndex - right.CreateIndex)
      .map((it) => [it.TaskGroup, it]),
  );
  return [...groups.values()];
}

/** The version before runs again where Nomad reverts a deployment that fails: as healthy as ever, but not what was asked for. */
function rollbackOf({ ID, Version }: Job, deployments: readonly Deployment[]): string | undefined {
  const before = deployments.find(({ JobVersion }) => JobVersion === Version - 1);
  if (before?.Status !== "failed" || !/ - rolling back to job version/.test(before.StatusDescription)) return undefined;
  return `Nomad has rolled back the last deployment of ${ID}: ${before.StatusDescription}. See why with \`nomad job deployments ${ID}\`.`;
}

/** Canaries of a group that run, or are to run, next to the instances of the version before. */
interface Canaries {
  readonly group: string;
  readonly count: number;
  /** Whether Nomad promotes them. */
  readonly isAutomatic: boolean;
}

function canariesOf({ Version }: Job, deployment: Deployment | undefined): Canaries[] {
  const isOpen = deployment?.JobVersion === Version && ["running", "paused", "pending"].includes(deployment.Status);
  return Object.entries(isOpen ? deployment.TaskGroups : {})
    .filter(([, { Promoted, DesiredCanaries }]) => !Promoted && DesiredCanaries > 0)
    .map(([group, { DesiredCanaries, AutoPromote }]) => ({ group, count: DesiredCanaries, isAutomatic: AutoPromote }));
}

function isOnEachNode({ Type }: Job): boolean {
  return Type === "system" || Type === "sysbatch";
}

function latestOf<Item extends { readonly CreateIndex: number }>(items: readonly Item[]): Item | undefined {
  return [...items].sort((left, right) => right.CreateIndex - left.CreateIndex).at(0);
}

function upstreamsOf({ Name, Services }: TaskGroup): UpstreamStatus[] {
  return (Services ?? []).flatMap((service) =>
    (service.Connect?.SidecarService?.Proxy?.Upstreams ?? []).map((upstream) => ({
      source: service.Name,
      group: Name,
      destination: upstream.DestinationName,
      ...(upstream.DestinationPeer && { peer: upstream.DestinationPeer }),
      ...(upstream.Datacenter && { datacenter: upstream.Datacenter }),
      ...(upstream.DestinationType === "prepared_query" && { isQuery: true }),
      localPort: upstream.LocalBindPort,
      ...(upstream.LocalBindSocketPath && { socketPath: upstream.LocalBindSocketPath }),
    })),
  );
}

function instanceStatus(
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
  return event && { reason: (failure ?? event).DisplayMessage, at: event.Time / 1e6 };
}

function servicesOf({ Name: group, Services }: TaskGroup): ServiceStatus[] {
  const proxyServices = (Services ?? []).filter(isGateway).map(({ Name }) => proxyServiceOf(Name));
  return (Services ?? [])
    .filter((it) => !isGateway(it) && !proxyServices.includes(it.Name))
    .map(({ Name: name, PortLabel, Connect }) => ({
      ...{ name, group },
      isDestination: Boolean(PortLabel) && Boolean(Connect?.SidecarService ?? Connect?.Native),
      ...(Connect?.SidecarService?.Proxy?.TransparentProxy && { isTransparent: true }),
    }));
}

function isMeshGateway({ Services }: TaskGroup): boolean {
  return (Services ?? []).some(({ Connect }) => Boolean(Connect?.Gateway?.Mesh));
}

function isGateway({ Kind, Connect }: Service): boolean {
  return (Kind ?? "").endsWith("-gateway") || Boolean(Connect?.Gateway);
}

/** What is read of the engines' answers. */
interface JobStub {
  readonly ID: string;
  readonly ParentID: string;
  readonly Namespace: string;
  readonly Stop: boolean;
  readonly Periodic: boolean;
  readonly ParameterizedJob: boolean;
  readonly Status: string;
  readonly SubmitTime: number;
}

interface Job {
  readonly ID: string;
  readonly ParentID: string;
  readonly Namespace: string;
  readonly Type: JobStatus["kind"];
  readonly Periodic: object | null;
  readonly ParameterizedJob: object | null;
  readonly Version: number;
  readonly TaskGroups: readonly TaskGroup[] | null;
}

interface TaskGroup {
  readonly Name: string;
  readonly Count: number;
  readonly Networks: readonly { readonly ReservedPorts: readonly { readonly Value: number }[] | null }[] | null;
  readonly Services: readonly Service[] | null;
  readonly Tasks: readonly Task[] | null;
  readonly Update: { readonly Canary: number } | null;
}

interface Task {
  readonly Name: string;
  readonly Kind: string | null;
  /** When it runs next to the tasks that do the work, which have none. */
  readonly Lifecycle: object | null;
  readonly Services: readonly Service[] | null;
}

interface Service {
  readonly Name: string;
  /** "consul" where it is empty. */
  readonly Provider: string;
  readonly Checks: readonly object[] | null;
  readonly Kind?: string;
  readonly PortLabel: string;
  readonly Connect: {
    readonly Native: boolean;
    readonly Gateway: { readonly Mesh?: object | null } | null;
    readonly SidecarService: {
      readonly Proxy: {
        readonly Upstreams: readonly Upstream[] | null;
        readonly TransparentProxy?: object | null;
      } | null;
    } | null;
  } | null;
}

interface Upstream {
  readonly DestinationName: string;
  readonly DestinationPeer: string;
  readonly DestinationType: string;
  readonly Datacenter: string;
  /** 0 if Envoy listens on a Unix socket. */
  readonly LocalBindPort: number;
  readonly LocalBindSocketPath: string;
}

interface Allocation {
  readonly ID: string;
  readonly Name: string;
  readonly CreateIndex: number;
  readonly NodeName: string;
  readonly TaskGroup: string;
  readonly JobVersion: number;
  readonly DesiredStatus: string;
  readonly ClientStatus: string;
  readonly DeploymentStatus: { readonly Healthy: boolean | null } | null;
  readonly TaskStates: Readonly<Record<string, TaskState>> | null;
}

interface Deployment {
  readonly CreateIndex: number;
  readonly JobVersion: number;
  readonly Status: string;
  readonly StatusDescription: string;
  readonly TaskGroups: Readonly<Record<string, DeployedGroup>>;
}

interface DeployedGroup {
  readonly DesiredCanaries: number;
  readonly AutoPromote: boolean;
  readonly Promoted: boolean;
}

interface Evaluation {
  readonly CreateIndex: number;
  readonly Status: string;
  readonly FailedTGAllocs: Readonly<Record<string, PlacementFailure>> | null;
}

interface TaskState {
  readonly State: string;
  readonly Failed: boolean;
  readonly Restarts: number;
  readonly Events: readonly TaskEvent[] | null;
}

interface TaskEvent {
  readonly Type: string;
  readonly DisplayMessage: string;
  /** In nanoseconds. */
  readonly Time: number;
}

interface ConsulCheck {
  readonly ServiceID: string;
  readonly Name: string;
  readonly Status: string;
  readonly Output: string;
}
