import { entriesOf, itemsOf, known, type Place } from "../../core/problems";
import { durationText } from "../../core/duration";
import type * as nomad from "../generated/job";
import { examineArtifacts, examineDispatchPayload, examineTemplates } from "./files";
import { examineIdentities, examineSecrets, examineVault } from "./identities";
import { examineAffinities, examineConstraints } from "./placement";
import { examineResources } from "./resources";
import { atLeast, SECOND, time } from "./times";
import { examineVolumeMounts } from "./volumes";

/** The job type, group and deadline of a task. */
export interface TaskSurroundings {
  readonly jobType: string;
  readonly group: nomad.TaskGroup;
  /** Progress deadline of the group's deployments, 0 for no limit. */
  readonly progressDeadline: nomad.Nanoseconds;
}

export function examineTask(place: Place, task: nomad.Task, surroundings: TaskSurroundings): void {
  const { jobType, group } = surroundings;
  examineName(place, task.Name ?? "");
  place.required("driver", task.Driver, "Name the driver, such as docker.");
  examineTimes(place, task, surroundings);
  examineResources(place.block("resources"), known(task.Resources) ?? {});
  examineLogs(place.block("logs"), known(task.LogConfig) ?? {}, known(group.EphemeralDisk)?.SizeMB ?? 300);
  examineConstraints(place, task.Constraints, "task");
  examineAffinities(place, task.Affinities, jobType);
  examineArtifacts(place, task.Artifacts);
  examineTemplates(place, task.Templates);
  examineVolumeMounts(place, task.VolumeMounts, group.Volumes);
  examineVariables(place.block("env"), task.Env);
  examineIdentities(place, task);
  examineSecrets(place, task);
  examineActions(place, task);
  examineKind(place, task, group);
  if (known(task.Vault) !== undefined) {
    examineVault(place.block("vault"), task.Vault ?? {});
  }
  if (known(task.DispatchPayload) !== undefined) {
    examineDispatchPayload(place.block("dispatch_payload"), task.DispatchPayload?.File);
  }
  if (known(task.Lifecycle) !== undefined) {
    place.block("lifecycle").oneOf("hook", task.Lifecycle?.Hook ?? "", ["prestart", "poststart", "poststop"]);
  }
  if (known(task.CSIPluginConfig) !== undefined) {
    examineCsiPlugin(place.block("csi_plugin"), task.CSIPluginConfig ?? {});
  }
  examinePartition(place, task, group);
}

function examineName(place: Place, name: string): void {
  if (name === "" || name === "alloc" || /[/\\\0]/.test(name)) {
    place.refuse("name", name, 'a string without slashes, other than "alloc"', "Use another name.", {
      saidBy: "task-name",
    });
  }
}

function examineTimes(place: Place, task: nomad.Task, { jobType, progressDeadline }: TaskSurroundings): void {
  const { KillTimeout = 5 * SECOND } = task;
  atLeast(place, "kill_timeout", KillTimeout, 0);
  atLeast(place, "shutdown_delay", task.ShutdownDelay, 0);
  if (jobType === "service" && progressDeadline > 0 && KillTimeout > progressDeadline) {
    place.refuse(
      "kill_timeout",
      time(KillTimeout),
      `update.progress_deadline (${durationText(progressDeadline)}) or less`,
      "Lower kill_timeout, or raise progress_deadline.",
      { comparedWith: progressDeadline },
    );
  }
}

function examineLogs(place: Place, { MaxFiles = 10, MaxFileSizeMB = 10 }: nomad.LogConfig, diskMib: number): void {
  place.atLeast("max_files", MaxFiles, 1, "Use a valid number of files.");
  place.atLeast("max_file_size", MaxFileSizeMB, 1, "Use a size in MiB.");
  if (MaxFiles * MaxFileSizeMB >= diskMib) {
    place.refuse(
      "max_file_size",
      MaxFileSizeMB,
      `a size with which ${MaxFiles} files are smaller than ephemeral_disk.size (${diskMib} MiB)`,
      "Raise the disk's size, or lower max_files or max_file_size.",
      { comparedWith: [MaxFiles, diskMib] },
    );
  }
}

/** Refuses names of variables that Nomad accepts, but that a process cannot have. */
function examineVariables(place: Place, env: nomad.Task["Env"]): void {
  for (const [name, value] of entriesOf(env)) {
    if (name === "" || /[=\0]/.test(name)) {
      place.refuse(name, value, 'a variable whose name is not empty and has no "="', "Use another name.", {
        comparedWith: name,
      });
    }
  }
}

function examineActions(place: Place, task: nomad.Task): void {
  const names = new Set<string>();
  for (const { Name = "", Command } of itemsOf(task.Actions)) {
    const here = place.labelled("action", Name);
    if (!/^[^\0\s]{1,128}$/u.test(Name)) {
      here.refuse("name", Name, "a string without spaces, at most 128 characters", "Use another name.");
    }
    if (names.has(Name)) {
      here.refuse("name", Name, "must be unique in the task", "Rename one of the two.");
    }
    names.add(Name);
    here.required("command", Command, "Name the program.");
  }
}

/** Examines a task that runs the Envoy of a service. */
function examineKind(place: Place, task: nomad.Task, group: nomad.TaskGroup): void {
  const [kind, serviceName] = (task.Kind ?? "").split(":");
  if (kind !== "connect-proxy") {
    return;
  }
  if (itemsOf(task.Services).length > 0) {
    place.refuse("service", task.Services, "cannot be set in the task of an Envoy", "Move the service to the group.");
  }
  if (task.Leader === true) {
    place.refuse("leader", true, "false for the task of an Envoy", "Omit it.");
  }
  const sidecars = itemsOf(group.Services).filter(({ Connect }) => known(Connect?.SidecarService) !== undefined);
  if (!sidecars.some(({ Name }) => Name === serviceName)) {
    place.refuse("kind", task.Kind, "the name of a service of the group with a sidecar", "Correct the name.", {
      comparedWith: sidecars.map(({ Name }) => Name),
    });
  }
}

function examineCsiPlugin(place: Place, plugin: nomad.TaskCSIPluginConfig): void {
  const { ID, Type = "", MountDir, StagePublishBaseDir } = plugin;
  place.required("id", ID, "Name the plugin.");
  place.oneOf("type", Type, ["node", "controller", "monolith"]);
  const [mount, stage] = [MountDir || "/csi", StagePublishBaseDir || "/local/csi"];
  if (stage.startsWith(mount)) {
    place.refuse("stage_publish_base_dir", stage, `a folder outside mount_dir (${mount})`, "Use another folder.", {
      comparedWith: mount,
    });
  }
}

function examinePartition(place: Place, task: nomad.Task, group: nomad.TaskGroup): void {
  const [own, outer] = [known(task.Consul)?.Partition, known(group.Consul)?.Partition];
  if (own && outer && own !== outer) {
    place.refuse("consul.partition", own, `that of the group ("${outer}")`, "Omit it here.", { comparedWith: outer });
  }
}
