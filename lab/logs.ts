import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { Cluster } from "./cluster";
import { LabError } from "./errors";
import { invocation } from "./invocation";
import { Lab } from "./lab";
import { readJobs } from "./services";
import { readTaskLog } from "./task-log";

export interface LogOptions {
  /** Name of the lab. */
  readonly name: string;
  /** Whether it goes on as the logs grow. */
  readonly follow: boolean;
  /** Ends the following. @default never */
  readonly signal?: AbortSignal;
}

/**
 * Prints the logs of a service's running instances, both streams.
 *
 * @param service name of the job, or of a service of it
 * @param sidecar whether the Envoys' logs are meant, not the service's own
 * @throws LabError if there is no such service
 */
export async function serviceLogs(service: string, sidecar: boolean, options: LogOptions): Promise<void> {
  const clusters = Cluster.all(runningLab(options.name));
  const perCluster = clusters.map(async (cluster) =>
    (await readJobs(cluster)).map((job) => ({ ...job, nomad: cluster.endpoints.nomad })),
  );
  const jobs = (await Promise.all(perCluster)).flat();
  // A service may have a job for each of its versions.
  const ofService = jobs.filter(({ services }) => services.includes(service));
  const meant = ofService.length > 0 ? ofService : jobs.filter(({ id }) => id === service);
  if (meant.length === 0) {
    const known = jobs.map(({ id }) => id).join(", ") || "none";
    throw new LabError(`There is no service ${service} in lab ${options.name}.`, `There are: ${known}.`);
  }
  const instances = meant.flatMap((job) => job.instances.map((instance) => ({ ...instance, nomad: job.nomad })));
  const logs = instances.flatMap(({ nomad, allocation, node, tasks }) =>
    tasks
      .filter(({ isSidecar }) => isSidecar === sidecar)
      .flatMap((task) => [
        { nomad, allocation, node, task: task.name, type: "stdout" as const },
        { nomad, allocation, node, task: task.name, type: "stderr" as const },
      ]),
  );
  if (logs.length === 0) throw new LabError(`${service} has no instance.`, `See \`${invocation("status")}\`.`);
  const print = (log: (typeof logs)[number]) =>
    readTaskLog(
      log.nomad,
      log,
      (line) => {
        console.log(`${log.node} ${log.allocation.slice(0, 8)} ${log.type} | ${line}`);
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
    stdio: ["ignore", "inherit", "inherit"],
  });
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
