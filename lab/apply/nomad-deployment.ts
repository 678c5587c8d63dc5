import { describeFailures } from "../cluster/failures";
import { LabError } from "../core/errors";
import { placementProblems, type PlacementFailure } from "../cluster/placement";
import { readJobs } from "../cluster/read-jobs";
import { waitFor } from "../core/wait";
import type { ApplyContext, Identity } from "./resource-type";

/** How often Nomad is asked how far it is, in milliseconds. */
const pollMs = 500;

/** The API path of a job. */
export function jobPath({ ID, Namespace }: Identity, below = ""): string {
  return `/v1/job/${encodeURIComponent(ID)}${below}?namespace=${encodeURIComponent(Namespace)}`;
}

/**
 * Waits until Nomad has placed a job and calls its deployment successful. A job that has no deployments (batch, system)
 * is done once it is placed.
 *
 * @param evaluation What the registration led to; undefined follows the latest deployment.
 * @throws LabError with what failing checks say, and the last events and words of failing tasks
 */
export async function followDeployment(
  context: ApplyContext,
  job: Identity,
  evaluation: string | undefined,
  timeoutMs: number,
): Promise<void> {
  const { say, signal } = context;
  const witness = new Witness(context, job);
  let lastSeen = "";
  const progress = (line: string) => {
    if (line !== lastSeen) say(`job ${job.ID}: ${line}`);
    lastSeen = line;
  };
  const options = {
    timeoutMs,
    intervalMs: pollMs,
    signal,
    lastSeen: async () => [lastSeen, await witness.report()].join("\n"),
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
  await waitFor(`the deployment of job ${job.ID}`, () => isDeployed(context, job, witness, progress), options);
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

async function isDeployed(
  context: ApplyContext,
  job: Identity,
  witness: Witness,
  progress: (line: string) => void,
): Promise<boolean> {
  await witness.look();
  const deployment = await latestDeployment(context, job);
  if (!deployment || deployment.Status === "successful") return true;
  if (deployment.Status === "failed" || deployment.Status === "cancelled") {
    throw new LabError(
      [
        `The deployment of job ${job.ID} has the status ${deployment.Status}: ${deployment.StatusDescription}.`,
        await witness.report(),
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

/** Sees what the checks of a job say: that is gone with the instances, which Nomad replaces before the deployment has failed. */
class Witness {
  /** What each check that failed said last, by its name. */
  private readonly said = new Map<string, string>();

  constructor(
    private readonly context: ApplyContext,
    private readonly job: Identity,
  ) {}

  async look(): Promise<void> {
    const { nomad, consul } = this.context;
    const allocations = ((await nomad.get(jobPath(this.job, "/allocations"))) ?? []) as { readonly ID: string }[];
    const critical = ((await consul.get("/v1/health/state/critical")) ?? []) as Check[];
    for (const { ServiceID, Name, Output } of critical) {
      const isOwn = allocations.some(({ ID }) => ServiceID.includes(ID));
      if (isOwn && Output.trim() !== "") this.said.set(Name, Output.trim());
    }
  }

  async report(): Promise<string> {
    const { ID, Namespace } = this.job;
    const jobs = await readJobs(this.context, (it) => it.ID === ID && it.Namespace === Namespace);
    const text = await describeFailures(
      this.context.nomad,
      jobs.map((job) => ({ ...job, failure: undefined })),
    );
    const earlier = [...this.said].filter(([, output]) => !text.includes(output));
    return [text, ...earlier.map(([name, output]) => `  check ${name} said before: ${output}`)].join("\n");
  }
}

interface Check {
  readonly ServiceID: string;
  readonly Name: string;
  readonly Output: string;
}

function fixFor({ ID }: Identity): string {
  return `Check the logs of job ${ID}, correct the job, then apply again.`;
}
