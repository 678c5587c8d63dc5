import { InvalidArgumentError, type Command } from "commander";
import { health, jobsOfApp, type HealthReport } from "../lab/commands/health";
import { healthyInstances } from "../lab/cluster/job-status";
import { clustersOf, environmentOption } from "./cluster-options";
import { interruptible } from "./interruptible";
import { jsonOption, print } from "./json";
import { labOption } from "./lab-option";
import { table } from "./table";

interface Options {
  readonly name: string;
  readonly environment?: boolean;
  readonly stacks?: string;
  readonly wait: number;
  readonly json?: boolean;
}

/** `meshform health`: which task or check of a job fails, and what it says. */
export function registerHealth(program: Command): void {
  program
    .command("health")
    .description("show the failing tasks and checks of unhealthy jobs, with their output")
    .argument("[jobs...]", "ids of jobs in Nomad (default: all)")
    .addOption(labOption())
    .addOption(environmentOption())
    .option("--stacks <folder>", "check the jobs of these synthesized stacks, such as cdktf.out")
    .option(
      "--wait <seconds>",
      "seconds to wait until they are healthy; ends earlier if a deployment fails",
      seconds,
      0,
    )
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nRun it in a pipeline after `cdktf deploy`, even if that failed. The exit code is 0 only if all jobs are healthy.",
    )
    .action(async (ids: string[], { name, environment, stacks, wait, json }: Options) => {
      const clusters = clustersOf({ name, environment });
      const named = ids.map((id) => ({ id }));
      const jobs = stacks === undefined ? named : [...jobsOfApp(stacks), ...named];
      const report = await interruptible((signal) =>
        health(clusters, { ...(jobs.length > 0 && { jobs }), timeoutMs: wait * 1000, signal }),
      );
      print(report, json, render);
      if (!report.healthy) process.exitCode = 1;
    });
}

function render({ jobs, problems }: HealthReport): string {
  const rows = jobs.map((job) => [job.id, `${healthyInstances(job)}/${job.wanted}`]);
  return [...table([["JOB", "HEALTHY"], ...rows]), ...problems.flatMap((it) => ["", it])].join("\n");
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0) || text.trim() === "") throw new InvalidArgumentError("It must be a number of seconds, 0 or more.");
  return value;
}
