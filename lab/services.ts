import { companionOf } from "../constructs/nomad/front-gateway-job";
import type { Cluster } from "./cluster";
import { placementProblems, type PlacementFailure } from "./placement";

/** One instance of a job. */
export interface InstanceStatus {
  readonly allocation: string;
  /** The task group that it is of. */
  readonly group: string;
  readonly node: string;
  readonly tasks: readonly TaskStatus[];
  readonly healthy: boolean;
  /** Why it is not healthy, one reason each; empty if it is. */
  readonly problems: readonly string[];
}

export interface TaskStatus {
  readonly name: string;
  readonly state: string;
  /** What happened to it, the latest last. */
  readonly events: readonly string[];
  /** Whether it is an Envoy beside a service; that of a gateway is the gateway itself. */
  readonly isSidecar: boolean;
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
  readonly localPort: number;
}

/** One job that should run all the time. */
export interface JobStatus {
  readonly id: string;
  readonly datacenter: string;
  readonly namespace: string;
  /** Names of its services in Consul that others may call: those of a gateway are none. */
  readonly services: readonly string[];
  readonly upstreams: readonly UpstreamStatus[];
  /** Its static ports on the hosts. */
  readonly ports: readonly number[];
  readonly wanted: number;
  readonly instances: readonly InstanceStatus[];
  /** Whether canaries run beside instances of the version before, until somebody promotes them. */
  readonly awaitsPromotion: boolean;
  /** Whether canaries run beside instances of the version before, and Nomad is about to promote them. */
  readonly isReplacing: boolean;
  /** Why Nomad finds no node for the rest of what is wanted, one sentence for each group. */
  readonly unplaced: readonly string[];
  /** Whether it leads to other datacenters. */
  readonly isMeshGateway: boolean;
  /** Why what runs is not what was deployed last, as a sentence. @default it is */
  readonly outdated?: string;
}

/** All jobs of a datacenter of type service and system, with the health of their instances as Nomad and Consul see it. */
export async function readJobs({ datacenter, nomad, consul }: Cluster): Promise<JobStatus[]> {
  const stubs = ((await nomad.get("/v1/jobs?namespace=*")) ?? []) as JobStub[];
  const checks = ((await consul.get("/v1/health/state/any")) ?? []) as ConsulCheck[];
  const nodes = ((await nomad.get("/v1/nodes")) ?? []) as { Status: string; SchedulingEligibility: string }[];
  const readyNodes = nodes.filter(
    ({ Status, SchedulingEligibility }) => Status === "ready" && SchedulingEligibility === "eligible",
  ).length;
  const running = stubs.filter(({ Type, Stop }) => (Type === "service" || Type === "system") && !Stop);
  return Promise.all(
    running.map(async ({ ID, Namespace }) => {
      const path = `/v1/job/${encodeURIComponent(ID)}`;
      const query = `?namespace=${encodeURIComponent(Namespace)}`;
      const job = (await nomad.get(`${path}${query}`)) as Job;
      const allocations = ((await nomad.get(`${path}/allocations${query}`)) ?? []) as Allocation[];
      const deployments = ((await nomad.get(`${path}/deployments${query}`)) ?? []) as Deployment[];
      const canaries = canariesOf(job, latestOf(deployments));
      const outdated = rollbackOf(job, deployments);
      const status = {
        datacenter,
        ...jobStatus(job, allocations, checks, readyNodes, canaries),
        ...(outdated && { outdated }),
      };
      if (status.instances.length >= status.wanted) return status;
      const evaluations = ((await nomad.get(`${path}/evaluations${query}`)) ?? []) as Evaluation[];
      return { ...status, unplaced: placementProblems(latestFailure(evaluations)) };
    }),
  );
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
  readyNodes: number,
  canaries: Canaries,
): Omit<JobStatus, "datacenter"> {
  const groups = job.TaskGroups ?? [];
  // A mesh gateway is for other datacenters, not for people.
  const published = groups.filter((group) => !isMeshGateway(group)).flatMap(({ Networks }) => Networks ?? []);
  const { manual, automatic } = canaries;
  const isCurrent = ({ JobVersion }: Allocation) => JobVersion === job.Version || manual + automatic > 0;
  const current = allocations.filter((it) => it.DesiredStatus === "run" && isCurrent(it));
  const count = groups.reduce((sum, { Count }) => sum + (job.Type === "system" ? readyNodes : Count), 0);
  return {
    id: job.ID,
    namespace: job.Namespace,
    services: groups.flatMap(callableServicesOf),
    upstreams: groups.flatMap(upstreamsOf),
    ports: published.flatMap(({ ReservedPorts }) => (ReservedPorts ?? []).map(({ Value }) => Value)),
    wanted: count + manual + automatic,
    awaitsPromotion: manual > 0,
    isReplacing: automatic > 0,
    instances: current.map((allocation) => instanceStatus(allocation, groups, checks)),
    unplaced: [],
    isMeshGateway: groups.some(isMeshGateway),
  };
}

/** The version before runs again where Nomad reverts a deployment that fails: as healthy as ever, but not what was asked for. */
function rollbackOf({ ID, Version }: Job, deployments: readonly Deployment[]): string | undefined {
  const before = deployments.find(({ JobVersion }) => JobVersion === Version - 1);
  if (before?.Status !== "failed" || !/ - rolling back to job version/.test(before.StatusDescription)) return undefined;
  return `Nomad has taken back the last deployment of ${ID}: ${before.StatusDescription}. See why with \`nomad job deployments ${ID}\`.`;
}

/** Canaries that run, or are to run, beside the instances of the version before, by who promotes them. */
interface Canaries {
  readonly manual: number;
  readonly automatic: number;
}

function canariesOf({ Version }: Job, deployment: Deployment | undefined): Canaries {
  const isOpen = deployment?.JobVersion === Version && ["running", "paused", "pending"].includes(deployment.Status);
  const groups = Object.values(isOpen ? deployment.TaskGroups : {}).filter(({ Promoted }) => !Promoted);
  const sum = (auto: boolean) =>
    groups.reduce((total, it) => total + (it.AutoPromote === auto ? it.DesiredCanaries : 0), 0);
  return { manual: sum(false), automatic: sum(true) };
}

function latestFailure(evaluations: readonly Evaluation[]): Evaluation["FailedTGAllocs"] {
  return latestOf(evaluations)?.FailedTGAllocs ?? null;
}

function latestOf<Item extends { readonly CreateIndex: number }>(items: readonly Item[]): Item | undefined {
  return [...items].sort((left, right) => right.CreateIndex - left.CreateIndex).at(0);
}

/** Those of a WAN federation's other datacenters are left out: whether they let a service in is not known here. */
function upstreamsOf({ Name, Services }: TaskGroup): UpstreamStatus[] {
  return (Services ?? []).flatMap((service) =>
    (service.Connect?.SidecarService?.Proxy?.Upstreams ?? [])
      .filter(({ Datacenter }) => !Datacenter)
      .map(({ DestinationName, DestinationPeer, LocalBindPort }) => ({
        source: service.Name,
        group: Name,
        destination: DestinationName,
        ...(DestinationPeer && { peer: DestinationPeer }),
        localPort: LocalBindPort,
      })),
  );
}

function instanceStatus(
  allocation: Allocation,
  groups: readonly TaskGroup[],
  checks: readonly ConsulCheck[],
): InstanceStatus {
  const group = groups.find(({ Name }) => Name === allocation.TaskGroup);
  const own = checks.filter(({ ServiceID }) => ServiceID.includes(allocation.ID));
  const registers = (group?.Services ?? []).some((it) => it.Connect?.SidecarService || isGateway(it));
  const isOfGateway = (group?.Services ?? []).some(isGateway);
  const problems = [
    ...(allocation.ClientStatus === "running" ? [] : [`Nomad calls it ${allocation.ClientStatus}`]),
    ...(allocation.DeploymentStatus?.Healthy === false ? ["Nomad calls it unhealthy"] : []),
    ...(registers && own.length === 0 ? ["not registered in Consul yet"] : []),
    ...own.filter(({ Status }) => Status !== "passing").map((it) => `${it.Name}: ${it.Output.trim() || it.Status}`),
  ];
  return {
    allocation: allocation.ID,
    group: allocation.TaskGroup,
    node: allocation.NodeName,
    tasks: Object.entries(allocation.TaskStates ?? {}).map(([name, state]) => ({
      name,
      state: state.State,
      events: (state.Events ?? []).map(({ Type, DisplayMessage }) => `${Type}: ${DisplayMessage}`),
      isSidecar:
        !isOfGateway &&
        (group?.Tasks ?? []).some((task) => task.Name === name && (task.Kind ?? "").startsWith("connect-")),
    })),
    healthy: problems.length === 0,
    problems,
  };
}

function callableServicesOf({ Services }: TaskGroup): string[] {
  const companions = (Services ?? []).filter(isGateway).map(({ Name }) => companionOf(Name));
  return (Services ?? []).filter((it) => !isGateway(it) && !companions.includes(it.Name)).map(({ Name }) => Name);
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
  readonly Namespace: string;
  readonly Type: string;
  readonly Stop: boolean;
}

interface Job {
  readonly ID: string;
  readonly Namespace: string;
  readonly Type: string;
  readonly Version: number;
  readonly TaskGroups: readonly TaskGroup[] | null;
}

interface TaskGroup {
  readonly Name: string;
  readonly Count: number;
  readonly Networks: readonly { readonly ReservedPorts: readonly { readonly Value: number }[] | null }[] | null;
  readonly Services: readonly Service[] | null;
  readonly Tasks: readonly { readonly Name: string; readonly Kind: string | null }[] | null;
  readonly Update: { readonly Canary: number } | null;
}

interface Service {
  readonly Name: string;
  readonly Kind?: string;
  readonly Connect: {
    readonly Gateway: { readonly Mesh?: object | null } | null;
    readonly SidecarService: { readonly Proxy: { readonly Upstreams: readonly Upstream[] | null } | null } | null;
  } | null;
}

interface Upstream {
  readonly DestinationName: string;
  readonly DestinationPeer: string;
  readonly Datacenter: string;
  readonly LocalBindPort: number;
}

interface Allocation {
  readonly ID: string;
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
  readonly FailedTGAllocs: Readonly<Record<string, PlacementFailure>> | null;
}

interface TaskState {
  readonly State: string;
  readonly Events: readonly { readonly Type: string; readonly DisplayMessage: string }[] | null;
}

interface ConsulCheck {
  readonly ServiceID: string;
  readonly Name: string;
  readonly Status: string;
  readonly Output: string;
}
