import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { Cluster } from "../cluster/cluster";
import { LabError } from "../core/errors";
import { invocation } from "../core/invocation";
import { Lab } from "../hosts/lab";
import type { InstanceStatus, TaskStatus } from "../cluster/job-status";
import { readJobs } from "../cluster/read-jobs";
import { readTaskLog } from "../cluster/task-log";

/** A line of a log. */
export interface LogLine {
  /** The host that it is from. */
  readonly host: string;
  readonly line: string;
  /** Of a host's own log. */
  readonly unit?: string;
  /** Of a task's log, as the next two. */
  readonly allocation?: string;
  readonly task?: string;
  readonly stream?: "stdout" | "stderr";
}

export interface LogOptions {
  /** Name of the lab. */
  readonly name: string;
  /** Whether it goes on as the logs grow. */
  readonly follow: boolean;
  /** Ends the following. @default never */
  readonly signal?: AbortSignal;
  /** Gets each line. @default they are printed */
  readonly onLine?: (line: LogLine) => void;
}

/**
 * Prints the logs of the instances of a service or job, both streams: of those that run, of the last run of a batch job, and where there
 * is none, of the last one that failed.
 *
 * @param service name of a service, or id of a job
 * @param sidecar whether the Envoys' logs are meant, not the service's own
 * @throws LabError if there is no such service
 */
export async function serviceLogs(service: string, sidecar: boolean, options: LogOptions): Promise<void> {
  const clusters = Cluster.all(runningLab(options.name));
  const perCluster = clusters.map(async (cluster) =>
    (await readJobs(cluster)).map((job) => ({ ...job, nomad: cluster.nomad })),
  );
  const jobs = (await Promise.all(perCluster)).flat();
  // A service may have a job for each of its versions.
  const ofService = jobs.filter(({ services }) => services.some(({ name }) => name === service));
  const meant =
    ofService.length > 0 ? ofService : jobs.filter(({ id, runs }) => id === service || runs?.includes(service));
  if (meant.length === 0) {
    const known = jobs.flatMap(({ id, services }) => [id, ...services.map(({ name }) => name)]);
    const names = [...new Set(known)].sort().join(", ") || "none";
    throw new LabError(`There is no service and no job ${service} in lab ${options.name}.`, `There are: ${names}.`);
  }
  const instances = meant.flatMap(({ nomad, services, instances, failed }) => {
    const groups = services.filter(({ name }) => name === service).map(({ group }) => group);
    const isMeant = ({ group }: InstanceStatus) => groups.length === 0 || groups.includes(group);
    const [current, former] = [instances, failed].map((all) => all.filter(isMeant));
    return (current.length > 0 ? current : former).map((instance) => ({ ...instance, nomad }));
  });
  // A group may have several services, each with an Envoy of its own.
  const own = `connect-proxy-${service}`;
  const isOne = instances.some(({ tasks }) => tasks.some(({ name }) => name === own));
  const isMeant = ({ name, state, isSidecar }: TaskStatus) =>
    isSidecar === sidecar && (!sidecar || !isOne || name === own) && state !== "pending";
  const logs = instances.flatMap(({ nomad, allocation, node, tasks }) =>
    tasks
      .filter(isMeant)
      .flatMap((task) =>
        (["stdout", "stderr"] as const).map((type) => ({ nomad, allocation, node, task: task.name, type })),
      ),
  );
  if (logs.length === 0) {
    throw new LabError(`${service} has no running ${sidecar ? "Envoy" : "task"}.`, `See \`${invocation("status")}\`.`);
  }
  const isAlone = new Set(logs.map(({ task }) => task)).size === 1;
  const print = (log: (typeof logs)[number]) =>
    readTaskLog(
      log.nomad,
      log,
      (line) => {
        const { node: host, allocation, task, type: stream } = log;
        if (options.onLine) options.onLine({ host, allocation, task, stream, line });
        else console.log(`${host} ${allocation.slice(0, 8)} ${isAlone ? "" : `${task} `}${stream} | ${line}`);
      },
      options,
    );
  if (options.follow) await Promise.all(logs.map(print));
  else for (const log of logs) await print(log);
}

/**
 * Prints the log of a unit of a host: its agents, its boot, its supervisor.
 *
 * @throws LabError if there is no such log
 */
export async function hostLogs(host: string, unit: string, options: LogOptions): Promise<void> {
  const { files } = runningLab(options.name);
  const log = files.hostLog(host, unit);
  if (!existsSync(log)) {
    const folder = files.hostLogs(host);
    const known = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".log")) : [];
    throw new LabError(
      `Host ${host} of lab ${options.name} has no log of ${unit}.`,
      known.length > 0
        ? `There are: ${known.map((file) => file.slice(0, -".log".length)).join(", ")}.`
        : `See \`${invocation("status")}\` for the hosts.`,
    );
  }
  const child = spawn("tail", ["--lines=500", ...(options.follow ? ["--follow=name"] : []), log], {
    stdio: ["ignore", options.onLine ? "pipe" : "inherit", "inherit"],
  });
  const { onLine } = options;
  if (child.stdout && onLine) createInterface(child.stdout).on("line", (line) => onLine({ host, unit, line }));
  const end = () => child.kill();
  options.signal?.addEventListener("abort", end, { once: true });
  await once(child, "close");
  options.signal?.throwIfAborted();
}

function runningLab(name: string): Lab {
  const lab = new Lab(name);
  if (!lab.exists) throw new LabError(`There is no lab ${name}.`, `Run \`${invocation("up")}\` to make one.`);
  return lab;
}
