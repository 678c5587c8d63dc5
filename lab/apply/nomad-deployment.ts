import { LabError } from "../errors";
import { placementProblems, type PlacementFailure } from "../placement";
import { waitFor } from "../wait";
import type { ApplyContext, Identity } from "./resource-type";

/** How often Nomad is asked how far it is, in milliseconds. */
const pollMs = 500;
/** How many events of a failing task are shown. */
const shownEvents = 5;

/** The API path of a job. */
export function jobPath({ ID, Namespace }: Identity, below = ""): string {
  return `/v1/job/${encodeURIComponent(ID)}${below}?namespace=${encodeURIComponent(Namespace)}`;
}

/**
 * Waits until Nomad has placed a job and calls its deployment successful. A job that has no deployments (batch, system)
 * is done once it is placed.
 *
 * @param evaluation What the registration led to; undefined follows the latest deployment.
 * @throws LabError with the events of the tasks that fail
 */
export async function followDeployment(
  context: ApplyContext,
  job: Identity,
  evaluation: string | undefined,
  timeoutMs: number,
): Promise<void> {
  const { say, signal } = context;
  let lastSeen = "";
  const progress = (line: string) => {
    if (line !== lastSeen) say(`job ${job.ID}: ${line}`);
    lastSeen = line;
  };
  const options = {
    timeoutMs,
    intervalMs: pollMs,
    signal,
    lastSeen: async () => [lastSeen, ...(await failures(context, job))].join("\n"),
    fix: fixFor(job),
  };
  let next = evaluation;
  const placed =
    next === undefined
      ? { DeploymentID: (await latestDeployment(context, job))?.ID }
      : await waitFor(
          `the placement of job ${job.ID}`,
          async () => {
            const seen = await evaluationOf(context, next, progress);
            next = seen?.NextEval || next;
            return !seen?.NextEval && seen;
          },
          options,
        );
  if (!placed.DeploymentID) return;
  await waitFor(`the deployment of job ${job.ID}`, () => isDeployed(context, job, progress), options);
}

interface Evaluation {
  readonly Status: string;
  readonly StatusDescription: string;
  readonly NextEval?: string;
  readonly DeploymentID?: string;
  readonly FailedTGAllocs: Readonly<Record<string, PlacementFailure>> | null;
}

/** The evaluation once it is complete. */
async function evaluationOf(
  { nomad }: ApplyContext,
  id: string | undefined,
  progress: (line: string) => void,
): Promise<Evaluation | undefined> {
  const evaluation = (await nomad.get(`/v1/evaluation/${id}`)) as Evaluation | undefined;
  if (evaluation?.Status === "failed" || evaluation?.Status === "canceled") {
    throw new LabError(
      `Nomad cannot schedule the job: ${evaluation.StatusDescription}.`,
      "Correct the job, then apply again.",
    );
  }
  if (evaluation?.Status !== "complete") return undefined;
  placementProblems(evaluation.FailedTGAllocs).forEach(progress);
  return evaluation;
}

interface Deployment {
  readonly ID: string;
  readonly Status: string;
  readonly StatusDescription: string;
  readonly TaskGroups: Readonly<Record<string, { HealthyAllocs: number; DesiredTotal: number }>>;
}

async function isDeployed(context: ApplyContext, job: Identity, progress: (line: string) => void): Promise<boolean> {
  const deployment = await latestDeployment(context, job);
  if (!deployment || deployment.Status === "successful") return true;
  if (deployment.Status === "failed" || deployment.Status === "cancelled") {
    throw new LabError(
      [
        `The deployment of job ${job.ID} ended as ${deployment.Status}: ${deployment.StatusDescription}.`,
        ...(await failures(context, job)),
      ].join("\n"),
      fixFor(job),
    );
  }
  const groups = Object.entries(deployment.TaskGroups);
  progress(
    groups
      .map(([name, { HealthyAllocs, DesiredTotal }]) => `${name} ${HealthyAllocs}/${DesiredTotal} healthy`)
      .join(", "),
  );
  return false;
}

async function latestDeployment({ nomad }: ApplyContext, job: Identity): Promise<Deployment | undefined> {
  return ((await nomad.get(jobPath(job, "/deployment"))) ?? undefined) as Deployment | undefined;
}

interface Allocation {
  readonly ID: string;
  readonly JobVersion: number;
  readonly NodeName: string;
  readonly TaskStates: Readonly<Record<string, { Events: { Type: string; DisplayMessage: string }[] | null }>> | null;
  readonly ClientStatus: string;
  readonly DeploymentStatus: { readonly Healthy: boolean | null } | null;
}

/** What happened to one task of each kind that is not healthy, in Nomad's words. */
async function failures({ nomad }: ApplyContext, job: Identity): Promise<string[]> {
  const allocations = ((await nomad.get(jobPath(job, "/allocations"))) ?? []) as Allocation[];
  const version = Math.max(...allocations.map(({ JobVersion }) => JobVersion));
  const unhealthy = allocations.find(
    (it) => it.JobVersion === version && (it.ClientStatus === "failed" || it.DeploymentStatus?.Healthy !== true),
  );
  if (!unhealthy) return [];
  return Object.entries(unhealthy.TaskStates ?? {}).flatMap(([task, { Events }]) =>
    (Events ?? [])
      .slice(-shownEvents)
      .map(({ Type, DisplayMessage }) => `  task ${task} on ${unhealthy.NodeName}: ${Type}: ${DisplayMessage}`),
  );
}

function fixFor({ ID }: Identity): string {
  return `See what the tasks of job ${ID} wrote, correct the job, then apply again.`;
}
