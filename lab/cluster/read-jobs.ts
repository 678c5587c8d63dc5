import type { Cluster } from "./cluster";
import type { Allocation, ConsulCheck, Deployment, Evaluation, Job, JobStub, TaskGroup } from "./engine-answers";
import { isMeshGateway, servicesOf, upstreamsOf } from "./group-services";
import { instanceStatus } from "./instance-status";
import type { JobStatus } from "./job-status";
import { isUnplaceable, placementProblems } from "./placement";

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
