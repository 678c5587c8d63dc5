import { existsSync, lstatSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import type * as nomad from "../../constructs/nomad/generated/job";
import { injectedTasks } from "../../constructs/nomad/validate/injected";
import type { JobDocument } from "../apply/documents";
import { isShown } from "../machine/shown-folders";
import { plainName } from "../hosts/docker/daemon";
import type { NeededImage } from "../hosts/docker/images";
import { LabError } from "../core/errors";
import { cleanEnvironment } from "../hosts/namespaces";

/** A task that an app has Nomad run, be it one that Nomad adds. */
interface NeededTask {
  /** Path of the construct. */
  readonly construct: string;
  readonly name: string;
  readonly driver: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly task: nomad.Task;
  /** Whether Nomad adds it, for an Envoy. */
  readonly isInjected: boolean;
}

/** What the lab has for the tasks of an app. */
export interface LabOffer {
  /** Programs that each client has, wherever they are on the machine: their paths there. */
  readonly programs: readonly string[];
  /** Folders of the machine that clients see at their own paths. */
  readonly shown: readonly string[];
  /** What tasks of the driver `exec` find in their root. */
  readonly chroot: readonly string[];
  /** How many clients each datacenter has, by its name, dc1 first. */
  readonly clients: ReadonlyMap<string, number>;
  /** Root folders of clients that run, and the layers of those that do not, in which files may have been put. */
  readonly roots: readonly string[];
}

/** What an app needs of the lab that boots for it. */
export interface AppNeeds {
  /** Whether a task of the app is a container, whatever the setting `runtime` says. */
  readonly hasContainers: boolean;
  /** Whether any task is a container, an Envoy that Nomad adds too. */
  readonly needsDocker: boolean;
  /** Images of its tasks. */
  readonly images: readonly NeededImage[];
}

/**
 * Reads what an app needs out of its jobs.
 *
 * @param envoyImage what an Envoy has whose task names no image
 */
export function needsOf(jobs: readonly JobDocument[], envoyImage: string): AppNeeds {
  const containers = tasksOf(jobs).filter(({ driver }) => driver === "docker");
  return {
    hasContainers: containers.some(({ task, isInjected }) => !isInjected && !isEnvoy(task)),
    needsDocker: containers.length > 0,
    images: containers.flatMap(({ construct, task, isInjected, config: { image, load } }) => {
      const isNodes = isInjected ? image === undefined : isEnvoy(task) && /^\$\{meta\.connect\./.test(String(image));
      if (isNodes) return [{ construct, name: envoyImage }];
      return typeof image === "string" && load === undefined && !isOpen(image) ? [{ construct, name: image }] : [];
    }),
  };
}

/**
 * Compares what an app needs with what the lab has.
 *
 * @throws LabError that names each task which cannot run, its construct and the fix
 */
export function requireNeeds(jobs: readonly JobDocument[], offer: LabOffer): void {
  const problems = [
    ...tasksOf(jobs).flatMap((task) => [
      problemOfDriver(task, offer),
      problemOfProgram(task, offer),
      problemOfImage(task),
    ]),
    ...problemsOfPorts(jobs, offer),
  ].filter((problem) => problem !== undefined);
  if (problems.length === 0) return;
  throw new LabError(
    `The lab cannot run this app:${problems.map((problem) => `\n  - ${problem}`).join("")}`,
    "Nothing was deployed.",
  );
}

function tasksOf(jobs: readonly JobDocument[]): NeededTask[] {
  return jobs.flatMap(({ job, construct }) =>
    (job.TaskGroups ?? []).flatMap((group) => {
      const needed = (task: nomad.Task, config: nomad.Task["Config"], isInjected: boolean): NeededTask => ({
        ...{ construct, task, isInjected },
        name: task.Name ?? "",
        driver: task.Driver ?? "",
        config: config ?? {},
      });
      const blocks = new Map(group.Services?.map(({ Name, Connect }) => [Name, Connect?.SidecarTask]));
      return [
        ...(group.Tasks ?? []).map((task) => needed(task, task.Config, false)),
        ...injectedTasks(job, group).map(({ service, task }) => needed(task, blocks.get(service)?.Config, true)),
      ];
    }),
  );
}

/** @returns the tasks of a job that run one of these images, by their groups */
export function tasksWithImages({ job }: JobDocument, images: ReadonlySet<string>): { group: string; task: string }[] {
  return (job.TaskGroups ?? []).flatMap(({ Name: group = "", Tasks }) =>
    (Tasks ?? []).flatMap(({ Name: task = "", Driver, Config }) => {
      const image = Config?.image;
      return Driver === "docker" && typeof image === "string" && images.has(plainName(image)) ? [{ group, task }] : [];
    }),
  );
}

function isEnvoy({ Kind }: nomad.Task): boolean {
  return Kind?.startsWith("connect-") ?? false;
}

const drivers = ["docker", "exec", "raw_exec"];
/** Drivers that Nomad has where their program is. */
const programsOfDrivers: Readonly<Partial<Record<string, string>>> = { java: "java", qemu: "qemu-system-x86_64" };

function problemOfDriver({ construct, name, driver }: NeededTask, offer: LabOffer): string | undefined {
  if (drivers.includes(driver) || isOpen(driver)) return undefined;
  const program = programsOfDrivers[driver];
  if (program !== undefined && findOnHosts(program, offer) !== undefined) return undefined;
  const lack =
    program === undefined ? "which the lab does not support" : `for which the hosts have no program ${program}`;
  const fix =
    program === undefined
      ? `Use one of ${drivers.join(", ")} in the lab.`
      : `Install ${program} in /usr or /opt of this machine.`;
  return `${construct}: the task ${name} needs the driver ${driver}, ${lack}. ${fix}`;
}

function problemOfProgram({ construct, name, driver, config, task }: NeededTask, offer: LabOffer): string | undefined {
  const { command } = config;
  if ((driver !== "exec" && driver !== "raw_exec") || typeof command !== "string") return undefined;
  if (isOpen(command) || isBrought(command, task)) return undefined;
  if (driver === "exec") {
    if (config.chroot !== undefined || isInRoot(command, offer)) return undefined;
    const found = offer.chroot.filter((path) => /\/bin\//.test(path)).map((path) => basename(path));
    return (
      `${construct}: the task ${name} runs ${command} with the driver exec, whose chroot in the lab has only ` +
      `${[...new Set(found)].join(", ")}. Use driver: "raw_exec", or download the program as an artifact.`
    );
  }
  if (task.Env?.PATH !== undefined && !command.includes("/")) return undefined;
  if (findOnHosts(command, offer) !== undefined) return undefined;
  const folder = isAbsolute(command) ? dirname(command) : undefined;
  const fix =
    folder !== undefined && existsSync(command)
      ? `Hosts cannot read ${folder}: share it with \`--show ${folder}\`, or move the program to /usr/local or /opt.`
      : "Correct the command, or install the program in /usr, /usr/local or /opt of this machine.";
  return `${construct}: the task ${name} runs ${command}, which the hosts of the lab do not have. ${fix}`;
}

/** Whether the task itself brings the file, or may do so. */
function isBrought(command: string, { Artifacts, Templates, VolumeMounts }: nomad.Task): boolean {
  if (!isAbsolute(command) && command.includes("/")) return true;
  if ((Artifacts?.length ?? 0) > 0 || (VolumeMounts?.length ?? 0) > 0) return true;
  return (Templates ?? []).some(({ DestPath }) => DestPath !== undefined && basename(DestPath) === basename(command));
}

function isInRoot(command: string, { chroot }: LabOffer): boolean {
  return chroot.some((path) =>
    isAbsolute(command) ? command === path || command.startsWith(`${path}/`) : path.endsWith(`/bin/${command}`),
  );
}

function findOnHosts(command: string, offer: LabOffer): string | undefined {
  const candidates = isAbsolute(command)
    ? [command]
    : cleanEnvironment.PATH.split(":").map((folder) => join(folder, command));
  return candidates.find((path) => sees(path, offer));
}

function sees(path: string, { programs, shown, roots }: LabOffer): boolean {
  if (programs.includes(path)) return true;
  const isOfMachine = isShown(path) || shown.some((folder) => path.startsWith(`${folder}/`));
  return (isOfMachine && existsSync(path)) || roots.some((root) => lstatSync(root + path, { throwIfNoEntry: false }));
}

/** Where the network of a lab ends: its hosts reach no registry. */
function problemOfImage({ construct, name, driver, config }: NeededTask): string | undefined {
  const { image } = config;
  if (driver !== "docker" || typeof image !== "string" || isOpen(image)) return undefined;
  const asks = (why: string, fix: string) =>
    `${construct}: the task ${name} runs the image ${image}, ${why}, but hosts of the lab cannot reach a registry. ${fix}`;
  if (config.force_pull === true) return asks("which Nomad pulls each time because of force_pull", "Omit force_pull.");
  if (plainName(image).includes("@")) {
    return asks("whose digest only a registry knows", "Use a tag, at least in the lab.");
  }
  if (plainName(image).endsWith(":latest")) {
    return asks("which Nomad pulls each time because its tag is latest", "Use another tag.");
  }
  return undefined;
}

/** A static port is there once on each host. */
function problemsOfPorts(jobs: readonly JobDocument[], { clients }: LabOffer): string[] {
  const [first = ""] = clients.keys();
  const wanted = new Map<string, { count: number; constructs: string[]; port: number; datacenter: string }>();
  for (const { job, construct, datacenter = first } of jobs) {
    if (job.Type !== undefined && job.Type !== "service" && job.Type !== "system") continue;
    const hosts = clients.get(datacenter) ?? 0;
    for (const group of job.TaskGroups ?? []) {
      const count = job.Type === "system" ? hosts : (group.Count ?? 1);
      const ports = group.Networks?.flatMap(({ ReservedPorts }) => ReservedPorts ?? []) ?? [];
      for (const { Value: port, HostNetwork = "default" } of ports) {
        if (typeof port !== "number" || typeof count !== "number") continue;
        const key = `${datacenter}/${HostNetwork}/${port}`;
        const entry = wanted.get(key) ?? { count: 0, constructs: [], port, datacenter };
        wanted.set(key, { ...entry, count: entry.count + count, constructs: [...entry.constructs, construct] });
      }
    }
  }
  return [...wanted.values()].flatMap(({ count, constructs, port, datacenter }) => {
    const hosts = clients.get(datacenter);
    if (hosts === undefined || count <= hosts) return [];
    return [
      `${[...new Set(constructs)].join(", ")}: host port ${port} is needed ${count} times, but ${datacenter} has ` +
        `${hosts} hosts that run tasks. Use different ports or a lower count.`,
    ];
  });
}

/** Whether a text is known only to Nomad or to Terraform. */
function isOpen(text: string): boolean {
  return text.includes("${") || text.includes("(known to Terraform)");
}
