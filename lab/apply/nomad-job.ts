import { LabError } from "../core/errors";
import { waitFor } from "../core/wait";
import { EngineRefusal } from "../cluster/engine-api";
import { goDurationMs } from "./go-duration";
import { isObject, type JsonObject } from "./json";
import { followDeployment, jobPath } from "./nomad-deployment";
import type { ApplyContext, Identity, ResourceType } from "./resource-type";

/** How long a job with `detach = false` may take to be deployed, in milliseconds; the provider's own limit. */
const deploymentMs = 5 * 60_000;

/** How long to wait for Nomad's scheduler before a job is purged, in milliseconds. */
const evaluationMs = 10_000;

/**
 * A job, whose specification is the JSON of Nomad's API. As with the provider, nothing waits for its deployment unless
 * `detach = false`, and one that is dead runs again with `rerun_if_dead`. Unlike there, a removed job is always purged, and one that
 * somebody has stopped always runs again.
 *
 * @see https://github.com/hashicorp/terraform-provider-nomad/blob/main/docs/resources/job.md
 */
export const nomadJob: ResourceType = {
  fields: {
    jobspec: "jobspec",
    json: "json",
    detach: "detach",
    timeouts: "timeouts",
    purge_on_destroy: "purge_on_destroy",
    rerun_if_dead: "rerun_if_dead",
  },
  required: ["jobspec"],
  body: ({ jobspec, json, detach, timeouts, rerun_if_dead: rerunIfDead }) => {
    if (json !== true) throw new Error("its jobspec must be JSON, with json = true");
    const parsed = JSON.parse(jobspec as string) as JsonObject;
    const job = isObject(parsed.Job) ? parsed.Job : parsed;
    if (typeof job.ID !== "string") throw new Error("its jobspec has no job ID");
    return {
      Job: { Namespace: "default", ...job },
      // What the web interface shows as the job's definition.
      Submission: { Source: jobspec, Format: "json" },
      ...(rerunIfDead === true && { rerunIfDead }),
      ...(detach === false && { waitMs: { create: deploymentMs, update: deploymentMs, ...milliseconds(timeouts) } }),
    };
  },
  validate: async ({ nomad }, { Job }) => {
    const verdict = (await nomad.put("/v1/validate/job", {
      Job: await amongExisting(nomad, Job as JsonObject),
    })) as Verdict;
    if (verdict.Error) throw new EngineRefusal("Nomad", 400, (verdict.ValidationErrors ?? [verdict.Error]).join("\n"));
  },
  identity: (body) => {
    const { ID, Namespace } = body.Job as { ID: string; Namespace: string };
    return { ID, Namespace };
  },
  read: async ({ nomad }, identity) => {
    const job = (await nomad.get(jobPath(identity))) as JsonObject | undefined;
    // A job that was stopped and not yet forgotten is as good as gone. This index moves only when somebody changes the job.
    return job && job.Stop !== true ? { JobModifyIndex: job.JobModifyIndex } : undefined;
  },
  isDue,
  write: async (context, body, live, identity) => {
    const isForced = await isDue(context, body, identity);
    return register(context, body, isForced ? undefined : live, identity);
  },
  settle: (context, { waitMs }, evaluation, live, identity) => {
    if (waitMs === undefined) return undefined;
    const { create, update } = waitMs as { create: number; update: number };
    return () => followDeployment(context, identity, evaluation as string | undefined, live ? update : create);
  },
  remove: async (context, identity) => {
    const { nomad } = context;
    await nomad.delete(jobPath(identity));
    await waitForEvaluations(context, identity);
    await nomad.delete(`${jobPath(identity)}&purge=true`);
  },
  computed: ["name", "namespace"],
  attributes: ({ ID, Namespace }) => ({ id: ID, name: ID, namespace: Namespace }),
};

/**
 * Waits until no evaluation of a job is pending: Nomad's leader ends with a nil pointer where it applies a plan for a job that has been
 * purged meanwhile. After some seconds the job is purged in any case.
 */
async function waitForEvaluations({ nomad, signal }: ApplyContext, identity: Identity): Promise<void> {
  const areDone = async () => {
    const evaluations = (await nomad.get(jobPath(identity, "/evaluations"))) as readonly JsonObject[] | undefined;
    return !evaluations?.some(({ Status }) => Status === "pending");
  };
  try {
    await waitFor(`the evaluations of job ${identity.ID}`, areDone, { timeoutMs: evaluationMs, signal });
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
  }
}

/** Whether the job is dead although it is to run. */
async function isDue({ nomad }: ApplyContext, { rerunIfDead }: JsonObject, identity: Identity): Promise<boolean> {
  if (rerunIfDead !== true) return false;
  const job = (await nomad.get(jobPath(identity))) as JsonObject | undefined;
  return job?.Status === "dead";
}

/** The job as it would be in a namespace that is there: its own may be created by the same apply. */
async function amongExisting(nomad: ApplyContext["nomad"], job: JsonObject): Promise<JsonObject> {
  const namespace = await nomad.get(`/v1/namespace/${encodeURIComponent(job.Namespace as string)}`);
  return namespace === undefined ? { ...job, Namespace: "default" } : job;
}

interface Verdict {
  readonly ValidationErrors: string[] | null;
  readonly Error: string;
}

/** Hands in the job unless Nomad plans no difference. Gives the evaluation that follows, if one does. */
async function register(
  { nomad, say }: ApplyContext,
  { Job, Submission }: JsonObject,
  live: JsonObject | undefined,
  identity: Identity,
): Promise<string | undefined> {
  const { ID, Namespace } = identity;
  if (live) {
    const plan = (await nomad.put(jobPath(identity, "/plan"), { Job, Diff: true })) as { Diff: { Type: string } };
    if (plan.Diff.Type === "None") return undefined;
  }
  const path = `/v1/jobs?namespace=${encodeURIComponent(Namespace)}`;
  const answer = (await nomad.put(path, { Job, Submission })) as { EvalID: string; Warnings: string };
  if (answer.Warnings) say(`Nomad warns about job ${ID}: ${answer.Warnings}`);
  return answer.EvalID || undefined;
}

function milliseconds(timeouts: unknown): Record<string, number> {
  const texts = Object.entries((timeouts ?? {}) as Record<string, string>);
  return Object.fromEntries(
    texts.map(([name, duration]) => {
      const ms = goDurationMs(duration);
      if (ms === undefined) throw new Error(`its timeout "${duration}" is not a duration such as 10m`);
      return [name, ms];
    }),
  );
}
