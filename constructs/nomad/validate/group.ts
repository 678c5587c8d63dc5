import { itemsOf, known, type Place } from "../../core/problems";
import { withoutUndefined } from "../../core/without-undefined";
import type * as nomad from "../generated/job";
import { examineMeshGroup } from "./connect";
import { injectedLabels, injectedTasks } from "./injected";
import { examineNetworks } from "./networks";
import { examineAffinities, examineConstraints, examineSpreads } from "./placement";
import {
  examineDisconnect,
  examineMigrate,
  examineReschedule,
  examineRestart,
  examineUpdate,
  rescheduleOf,
  updateOf,
} from "./policies";
import { examineGroupServices, examineTaskServices } from "./services";
import { examineTask } from "./task";
import { atLeast } from "./times";
import { examineVolumes } from "./volumes";

export function examineGroup(place: Place, job: nomad.Job, group: nomad.TaskGroup): void {
  const jobType = job.Type ?? "service";
  const count = group.Count ?? known(group.Scaling)?.Min ?? 1;
  const update = updateOf(job, group);
  const injected = injectedLabels(job, group);
  examineCount(place, jobType, count, group);
  atLeast(place, "shutdown_delay", group.ShutdownDelay, 0);
  examineConstraints(place, group.Constraints, "node");
  examineAffinities(place, group.Affinities, jobType);
  examineSpreads(place, group.Spreads, jobType);
  place.block("ephemeral_disk").atLeast("size", known(group.EphemeralDisk)?.SizeMB, 10, "Use a size in MiB.");
  if (known(group.RestartPolicy) !== undefined) {
    examineRestart(place.block("restart"), job, group.RestartPolicy ?? {});
  }
  examineTypedPolicies(place, job, group, update);
  if (known(group.Disconnect) !== undefined) {
    examineDisconnect(place.block("disconnect"), job, group.Disconnect ?? {});
  }
  examineVolumes(place, group, { jobType, count, canaries: jobType === "batch" ? 0 : update.Canary });
  examineNetworks(place, group, injected);
  examineGroupServices(place, job, group);
  examineMeshGroup(place, group);
  const tasks = [
    ...itemsOf(group.Tasks).map((task, index) => ({ task, here: place.labelled("task", task.Name ?? index + 1) })),
    ...injectedTasks(job, group).map(({ task, service }) => ({
      task,
      here: place.labelled("service", service).block("connect").block("sidecar_task"),
    })),
  ];
  examineTaskNames(place, group, tasks);
  for (const { task, here } of tasks) {
    examineTask(here, task, { jobType, group, progressDeadline: update.ProgressDeadline });
    examineTaskServices(here, { job, group, task }, injected);
  }
}

function examineCount(place: Place, jobType: string, count: number, group: nomad.TaskGroup): void {
  place.atLeast("count", count, 0, "Use a valid number of allocations.");
  if (jobType === "system" && count > 1) {
    place.refuse("count", count, "1 in a job of type system, which runs once on every node", "Omit count.", {
      comparedWith: jobType,
    });
  }
  const scaling = known(group.Scaling);
  if (scaling === undefined) {
    return;
  }
  const here = place.block("scaling");
  if (jobType === "system") {
    place.refuse("scaling", scaling, "cannot be set in a job of type system", "Omit it.", { comparedWith: jobType });
  }
  const { Min = count, Max, Type = "" } = scaling;
  here.oneOf("type", Type === "" ? undefined : Type, ["horizontal"]);
  here.atLeast("min", Min, 0, "Use a valid number of allocations.");
  if (Max === undefined || Max < 0 || Max < Min) {
    here.refuse("max", Max, `min (${Min}) or more`, "Set max.", { comparedWith: Min });
  } else if (count > Max || count < Min) {
    place.refuse("count", count, `scaling.min (${Min}) to scaling.max (${Max})`, "Change one of the three.", {
      comparedWith: [Min, Max],
    });
  }
}

/** Examines blocks that only some types of jobs support. */
function examineTypedPolicies(
  place: Place,
  job: nomad.Job,
  group: nomad.TaskGroup,
  update: Required<nomad.UpdateStrategy>,
): void {
  const jobType = job.Type ?? "service";
  if (jobType !== "service" && jobType !== "system") {
    refuseOfType(place, jobType, "update", job.Update ?? group.Update);
  } else if (isGiven(job.Update, group.Update)) {
    examineUpdate(place.block("update"), update);
  }
  if (jobType !== "service") {
    refuseOfType(place, jobType, "migrate", job.Migrate ?? group.Migrate);
  } else if (isGiven(job.Migrate, group.Migrate)) {
    const migrate = { ...withoutUndefined(known(job.Migrate) ?? {}), ...withoutUndefined(known(group.Migrate) ?? {}) };
    examineMigrate(place.block("migrate"), migrate);
  }
  if (jobType !== "service" && jobType !== "batch") {
    refuseOfType(place, jobType, "reschedule", job.Reschedule ?? group.ReschedulePolicy);
  } else if (isGiven(job.Reschedule, group.ReschedulePolicy)) {
    examineReschedule(place.block("reschedule"), rescheduleOf(job, group));
  }
}

function refuseOfType(place: Place, jobType: string, block: string, given: unknown): void {
  if (given !== undefined) {
    place.refuse(block, given, `cannot be set in a job of type ${jobType}`, "Omit it.", { comparedWith: jobType });
  }
}

/** Whether the block is set in the job or in the group. Otherwise Nomad uses its defaults, which are valid. */
function isGiven(ofJob: object | undefined, ofGroup: object | undefined): boolean {
  return known(ofJob) !== undefined || known(ofGroup) !== undefined;
}

function examineTaskNames(
  place: Place,
  group: nomad.TaskGroup,
  tasks: readonly { readonly task: nomad.Task; readonly here: Place }[],
): void {
  if (tasks.length === 0) {
    place.refuse("task", group.Tasks, "at least one task", "Add a task.");
  }
  const names = new Set<string>();
  for (const { task, here } of tasks) {
    if (task.Name !== undefined && names.has(task.Name)) {
      here.refuse("name", task.Name, "must be unique in the group", "Rename one of the tasks.", {
        saidBy: "task-name",
      });
    }
    names.add(task.Name ?? "");
  }
  const leaders = tasks.filter(({ task }) => task.Leader === true);
  if (leaders.length > 1) {
    const given = leaders.map(({ task }) => task.Name);
    place.refuse("leader", given, "must be true for only one task of the group", "Keep one leader.", {
      comparedWith: leaders.map(({ task }) => task.Leader),
    });
  }
}
