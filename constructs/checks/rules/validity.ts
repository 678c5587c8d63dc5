import { Job } from "@cdktf/provider-nomad/lib/job";
import type { IConstruct } from "constructs";
import { problemsOfEntry } from "../../consul/validate-entry";
import { textOf, type Problem } from "../../core/problems";
import { isResource } from "../../core/resource-type";
import { isToken } from "../../core/token";
import { fromTerraformJson } from "../../core/terraform-json";
import type { Snapshot } from "../../model/snapshot";
import type * as nomad from "../../nomad/generated/job";
import { problemsOfPortLabels } from "../../nomad/validate/port-labels";
import { problemsOfJob } from "../../nomad/validate-job";
import type { Check, CheckedApp, Finding } from "../check";
import { foreignJobsIn } from "./foreign";
import { entriesOf } from "./entries";
import { jobsIn } from "./records";

const invalidJob: Check = {
  id: "invalid-job",
  reason: "Nomad refuses such a job, so a deployment would fail halfway.",
  level: "error",
  *find(app) {
    for (const [at, job] of jobsOf(app)) {
      yield* findingsOf(at, problemsOfJob(job));
    }
  },
};

const undefinedPortLabel: Check = {
  id: "undefined-port-label",
  reason: "Nomad accepts such a job, but its tasks get no port, do not start, or are not registered.",
  level: "error",
  *find(app) {
    for (const [at, job, text] of jobsOf(app)) {
      yield* findingsOf(at, problemsOfPortLabels(job, text));
    }
  },
};

const invalidConfigEntry: Check = {
  id: "invalid-config-entry",
  reason: "Consul refuses such a config entry, so a deployment would fail halfway.",
  level: "error",
  *find(app) {
    for (const [at, entry] of entriesOf(app)) {
      yield* findingsOf(at, problemsOfEntry(entry));
    }
  },
};

function findingsOf(at: IConstruct | string, problems: readonly Problem[]): Finding[] {
  return problems.map((problem) => ({ at, problem: textOf(problem), fix: problem.fix, saidBy: problem.saidBy }));
}

type WrittenJob = readonly [at: IConstruct | string, job: nomad.Job, text?: string];

/** Returns the jobs of meshes, including overrides, and jobs that are given in Nomad's JSON. */
function jobsOf(app: CheckedApp): readonly WrittenJob[] {
  const { graph } = app;
  const own = jobsIn(graph).map(({ job, rendered }): WrittenJob => [job.key, rendered, specOf(graph, job.key)]);
  const foreign = foreignJobsIn(app)
    .filter(({ jsonInput }) => jsonInput === true)
    .flatMap((resource): WrittenJob[] => {
      const written = fromTerraformJson(resource.jobspecInput) as
        (nomad.Job & { readonly Job?: nomad.Job }) | undefined;
      return written === undefined ? [] : [[resource, written.Job ?? written]];
    });
  return [...own, ...foreign];
}

/** Returns a job as JSON, or `undefined` if Terraform knows parts of it only later. */
function specOf(graph: Snapshot, key: string): string | undefined {
  const resource = graph.emissionsOfJob(key).at(0)?.resource;
  const text = resource === undefined || !isResource(Job, resource) ? undefined : resource.jobspecInput;
  return isToken(text) ? undefined : text;
}

export const validityChecks: readonly Check[] = [invalidJob, undefinedPortLabel, invalidConfigEntry];
