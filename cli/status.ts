import type { Command } from "commander";
import { urlOf } from "../lab/cluster/cluster";
import { invocation } from "../lab/core/invocation";
import { healthyInstances, isHealthy, type JobStatus } from "../lab/cluster/job-status";
import { status, type HostStatus, type LabStatus, type VaultStatus } from "../lab/commands/status";
import { jsonOption, print } from "./json";
import { labOption } from "./lab-option";
import { table } from "./table";

/** `meshform status`: hosts, agents, services and where to reach them. */
export function registerStatus(program: Command): void {
  program
    .command("status")
    .description("show hosts, agents, services and URLs of a lab")
    .addOption(labOption())
    .addOption(jsonOption())
    .addHelpText("after", "\nThe exit code is 0 only if everything is healthy.")
    .action(async ({ name, json }: { name: string; json?: boolean }) => {
      const report = await status(name);
      print(report, json, render);
      if (!report.healthy) process.exitCode = 1;
    });
}

function render(report: LabStatus): string {
  if (!report.exists) return `There is no lab ${report.name}. Run \`${invocation("up")}\` to make one.`;
  const isOne = new Set(report.hosts.map(({ datacenter }) => datacenter)).size <= 1;
  const at = (datacenter: string) => (isOne ? [] : [datacenter]);
  const blocks = [
    headed(
      [...at("IN"), "HOST", "ADDRESS", "RUNS", "CONSUL", "NOMAD"],
      report.hosts.map((host) => [...at(host.datacenter), ...hostRow(host)]),
    ),
    report.vault ? headed(["HOST", "ADDRESS", "RUNS", "VAULT"], [vaultRow(report.vault)]) : [],
    jobTable(report.jobs, at),
    headed(
      [...at("IN"), "URL", ""],
      report.listeners.map((it) => [...at(it.datacenter), urlOf(it), it.name]),
    ),
    headed(
      ["JOINED", "STATE"],
      report.peerings.map(({ datacenters, state }) => [datacenters.join(" and "), state]),
    ),
    report.jobs.flatMap(problems),
    report.problems,
    report.mesh.refused,
    report.mesh.remarks,
    report.dangers,
    report.problem ? [report.problem] : [],
    [verdict(report)],
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function verdict({ name, healthy, mesh }: LabStatus): string {
  if (!healthy) return `Lab ${name} is not healthy.`;
  return mesh.refused.length > 0 ? `Lab ${name} is healthy, but refuses connections.` : `Lab ${name} is healthy.`;
}

function hostRow({ name, address, running, consul, nomad }: HostStatus): string[] {
  return [name, address, running ? "yes" : "no", consul, nomad];
}

function vaultRow({ host, address, running, state }: VaultStatus): string[] {
  return [host, address, running ? "yes" : "no", state];
}

/** Columns that would say the same of each job are left out. */
function jobTable(jobs: readonly JobStatus[], at: (datacenter: string) => string[]): string[] {
  const columns: readonly (readonly [string, boolean, (job: JobStatus) => string])[] = [
    ["JOB", true, ({ id }) => id],
    ["NAMESPACE", jobs.some(({ namespace }) => namespace !== "default"), ({ namespace }) => namespace],
    ["KIND", jobs.some(({ kind }) => kind !== "service"), kindOf],
    ["HEALTHY", true, (job) => `${healthyInstances(job)}/${job.wanted}`],
    ["ON", true, ({ instances }) => instances.map(({ node }) => node).join(", ")],
    ["SERVICES", jobs.some((job) => servicesOf(job) !== job.id), servicesOf],
  ];
  const shown = columns.filter(([, isShown]) => isShown);
  return headed(
    [...at("IN"), ...shown.map(([head]) => head)],
    jobs.map((job) => [...at(job.datacenter), ...shown.map(([, , cell]) => cell(job))]),
  );
}

function kindOf({ kind, trigger, instances }: JobStatus): string {
  const isOver = instances.length > 0 && !instances.some(({ isRunning }) => isRunning);
  const end = instances.every(({ healthy }) => healthy) ? "done" : "failed";
  if (trigger === undefined) return isOver && kind.endsWith("batch") ? `${kind}, ${end}` : kind;
  const name = trigger === "periodic" ? "periodic" : "parameterized";
  if (instances.length === 0) return `${name}, no run yet`;
  return isOver ? `${name}, last run ${end}` : `${name}, running`;
}

function servicesOf({ services }: JobStatus): string {
  return [...new Set(services.map(({ name }) => name))].join(", ");
}

function problems(job: JobStatus): string[] {
  if (isHealthy(job)) return [];
  const ill = job.instances.filter(({ healthy }) => !healthy);
  const ofJob = [
    ...job.unplaced.map((it) => `${job.id}: ${it}`),
    ...(job.outdated === undefined ? [] : [job.outdated]),
  ];
  return [
    ...ofJob,
    ...ill.map((it) => `${job.id} on ${it.node} (${it.allocation.slice(0, 8)}): ${it.problems.join("; ")}`),
  ];
}

function headed(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : table([heads, ...rows]);
}
