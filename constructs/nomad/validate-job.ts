import { itemsOf, known, Place, textsOf, type Problem } from "../core/problems";
import type * as nomad from "./generated/job";
import { examineGroup } from "./validate/group";
import { examineNumbers } from "./validate/numbers";
import { examineAffinities, examineConstraints, examineSpreads } from "./validate/placement";
import { examineParameterized, examinePeriodic } from "./validate/schedule";

const TYPES = ["service", "batch", "system", "sysbatch"];
const LONGEST_DESCRIPTION = 1000;

/**
 * The problems for which Nomad 1.11 would refuse a job, by the rules of its `Validate` functions and admission controllers, with its
 * defaults for fields that are not set.
 *
 * Only Nomad validates what depends on the cluster (namespaces, node pools, regions, whether there is a Vault, which editions have
 * which features), the configuration of drivers, and values that are known only to Terraform.
 *
 * @see https://github.com/hashicorp/nomad/blob/v1.11.3/nomad/structs/structs.go
 */
export function problemsOfJob(job: nomad.Job): readonly Problem[] {
  return Place.problemsOf((place) => {
    const jobType = job.Type ?? "service";
    examineNumbers(place, job);
    examineNames(place, job);
    place.oneOf("type", job.Type, TYPES);
    examinePriority(place, job.Priority);
    if (textsOf(job.Datacenters).includes("")) {
      place.refuse("datacenters", job.Datacenters, "non-empty names", "Omit the empty one.");
    }
    examineDescriptions(place, job);
    if (job.Payload !== undefined && job.Payload !== "") {
      place.refuse("payload", job.Payload, "cannot be set in a job that is not dispatched", "Omit it.");
    }
    examineConstraints(place, job.Constraints, "node");
    examineAffinities(place, job.Affinities, jobType);
    examineSpreads(place, job.Spreads, jobType);
    if (known(job.Periodic) !== undefined) {
      examinePeriodic(place.block("periodic"), job.Periodic ?? {}, jobType);
    }
    if (known(job.ParameterizedJob) !== undefined) {
      examineParameterized(place.block("parameterized"), job.ParameterizedJob ?? {}, jobType);
    }
    examineGroups(place, job);
  });
}

function examineNames(place: Place, { ID, Name }: nomad.Job): void {
  if (ID === undefined || ID === "" || /[ \0]/.test(ID)) {
    place.refuse("id", ID, "a string without spaces", "Use another id.");
  }
  if (Name !== undefined && (Name === "" || Name.includes("\0"))) {
    place.refuse("name", Name, "a non-empty string", "Use another name.");
  }
}

function examinePriority(place: Place, priority: number | undefined): void {
  // Nomad treats 0 as a field that is not set.
  if (priority !== undefined && priority !== 0 && (priority < 1 || priority > 100)) {
    place.refuse("priority", priority, "1 to 100", "Use a priority in this range.");
  }
}

function examineDescriptions(place: Place, { UI, VersionTag }: nomad.Job): void {
  for (const [block, description] of [
    ["ui", known(UI)?.Description],
    ["version_tag", known(VersionTag)?.Description],
  ] as const) {
    if (description !== undefined && Buffer.byteLength(description) > LONGEST_DESCRIPTION) {
      place.block(block).refuse("description", description, `at most ${LONGEST_DESCRIPTION} characters`, "Shorten it.");
    }
  }
}

function examineGroups(place: Place, job: nomad.Job): void {
  const groups = itemsOf(job.TaskGroups);
  if (groups.length === 0) {
    place.refuse("group", job.TaskGroups, "at least one group", "Add a group.");
  }
  const names = new Set<string>();
  groups.forEach((group, index) => {
    const here = place.labelled("group", group.Name ?? index + 1);
    here.required("name", group.Name, "Set the name of the group.");
    if (group.Name?.includes("\0") === true) {
      here.refuse("name", group.Name, "a string without null characters", "Use another name.");
    }
    if (group.Name !== undefined && names.has(group.Name)) {
      here.refuse("name", group.Name, "must be unique in the job", "Rename one of the groups.");
    }
    names.add(group.Name ?? "");
    examineGroup(here, job, group);
  });
}
