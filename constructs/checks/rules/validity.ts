import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { Job } from "@cdktf/provider-nomad/lib/job";
import { Token } from "cdktf";
import type { IConstruct } from "constructs";
import { ConsulConfigEntry } from "../../consul/consul-config-entry";
import type * as consul from "../../consul/generated/config-entries";
import { problemsOfEntry } from "../../consul/validate-entry";
import type * as nomad from "../../nomad/generated/job";
import { problemsOfPortLabels } from "../../nomad/validate/port-labels";
import { problemsOfJob } from "../../nomad/validate-job";
import { textOf, type Problem } from "../../core/problems";
import type { Check, CheckedApp, Finding } from "../check";

const invalidJob: Check = {
  id: "invalid-job",
  reason: "Nomad refuses such a job, and a deployment ends halfway.",
  level: "error",
  *find(app) {
    for (const [construct, job] of jobsOf(app)) {
      yield* findingsOf(construct, problemsOfJob(job));
    }
  },
};

const undefinedPortLabel: Check = {
  id: "undefined-port-label",
  reason:
    "Nomad takes such a job, and its tasks get the variable's name for a port, do not start, or are in no catalog.",
  level: "error",
  *find(app) {
    for (const [construct, job] of jobsOf(app)) {
      yield* findingsOf(construct, problemsOfPortLabels(job));
    }
  },
};

const invalidConfigEntry: Check = {
  id: "invalid-config-entry",
  reason: "Consul refuses such a config entry, and a deployment ends halfway.",
  level: "error",
  *find(app) {
    for (const [construct, entry] of entriesOf(app)) {
      yield* findingsOf(construct, problemsOfEntry(entry));
    }
  },
};

function findingsOf(construct: IConstruct, problems: readonly Problem[]): Finding[] {
  return problems.map((problem) => ({
    construct,
    problem: textOf(problem),
    fix: problem.fix,
    saidBy: problem.saidBy,
  }));
}

/** The jobs of meshes, overrides included, and those that are written out in Nomad's JSON. */
function* jobsOf({ root, meshes }: CheckedApp): Iterable<[construct: IConstruct, job: nomad.Job]> {
  for (const member of meshes.flatMap(({ serviceJobs, gateways }) => [...serviceJobs, ...gateways])) {
    yield [member, member.renderJob()];
  }
  for (const node of root.node.findAll()) {
    if (node instanceof Job && node.jsonInput === true) {
      const written = literalJson(node.jobspecInput) as (nomad.Job & { readonly Job?: nomad.Job }) | undefined;
      if (written !== undefined) {
        yield [node, written.Job ?? written];
      }
    }
  }
}

/** The config entries of the app, and those whose content is written out in JSON. */
function* entriesOf({ root }: CheckedApp): Iterable<[construct: IConstruct, entry: consul.ConfigEntry]> {
  for (const node of root.node.findAll()) {
    if (node instanceof ConsulConfigEntry) {
      const { content } = node as ConsulConfigEntry;
      if (content !== undefined) {
        yield [node, content];
      }
    } else if (node instanceof ConfigEntry) {
      const fields = literalJson(node.configJsonInput);
      if (fields !== undefined) {
        yield [node, { Kind: node.kindInput, Name: node.nameInput, ...fields } as consul.ConfigEntry];
      }
    }
  }
}

/** JSON as the engine will read it, `undefined` where parts of it are known only to Terraform, or where it is none. */
function literalJson(text: string | undefined): object | undefined {
  if (text === undefined || Token.isUnresolved(text)) {
    return undefined;
  }
  try {
    return JSON.parse(text.replace(/\$\$\{/g, "${").replace(/%%\{/g, "%{")) as object;
  } catch {
    return undefined;
  }
}

export const validityChecks: readonly Check[] = [invalidJob, undefinedPortLabel, invalidConfigEntry];
