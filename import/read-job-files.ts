import { execFile } from "node:child_process";
import { basename } from "node:path";
import { stat } from "node:fs/promises";
import type * as nomad from "../constructs/nomad/generated/job";
import { LabError } from "../lab/core/errors";
import { invocation } from "../lab/core/invocation";
import { locateEngines } from "../lab/machine/engines/locate-engines";
import type { JobFile } from "./app";
import { withoutNulls } from "./values";

/** How long Nomad may take to read a file, in milliseconds. */
const READ_MS = 60_000;
const LARGEST_JOB = 64 * 2 ** 20;

/** Values of the variables of job files, as `nomad job run` takes them. */
export interface Variables {
  /** `name=value`. */
  readonly values: readonly string[];
  /** Paths of files with values. */
  readonly files: readonly string[];
}

/**
 * Reads job files with Nomad's own parser. Nothing is asked of a cluster.
 *
 * @throws LabError that contains what is wrong with each of the files
 */
export async function readJobFiles(
  files: readonly string[],
  variables: Variables,
  signal: AbortSignal,
): Promise<readonly JobFile[]> {
  const nomad = (await locateEngines()).find(({ name }) => name === "nomad")?.engine;
  if (nomad === undefined) {
    throw new LabError(
      "There is no Nomad that could read the job files.",
      `Install nomad on PATH, or run \`${invocation("install")}\`.`,
    );
  }
  const [jobs, problems]: [JobFile[], string[]] = [[], []];
  for (const file of files) {
    try {
      jobs.push(await readJobFile(nomad.path, file, variables, signal));
    } catch (error) {
      if (!(error instanceof FileProblem)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) throw new LabError(problems.join("\n"), "Fix the files. Nothing was written.");
  return jobs;
}

class FileProblem extends Error {}

async function readJobFile(program: string, file: string, variables: Variables, signal: AbortSignal): Promise<JobFile> {
  // Nomad would download what is not a file.
  const isFile = await stat(file).then(
    (it) => it.isFile(),
    () => false,
  );
  if (!isFile) throw new FileProblem(`${file}: There is no such file.`);
  const args = [
    ...["job", "run", "-output"],
    ...variables.values.map((value) => `-var=${value}`),
    ...variables.files.map((path) => `-var-file=${path}`),
    file,
  ];
  const output = await new Promise<string>((resolve, reject) => {
    const options = { signal, timeout: READ_MS, maxBuffer: LARGEST_JOB };
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (signal.aborted) reject(signal.reason as Error);
      else reject(new FileProblem(problemIn(file, stderr.trim() || error.message)));
    });
  });
  return { file, job: withoutNulls((JSON.parse(output) as { readonly Job: nomad.Job }).Job) as nomad.Job };
}

/** What Nomad says, with the path of the file that the user gave instead of its name alone. */
function problemIn(file: string, said: string): string {
  const lines = said
    .replace(/^Error getting job struct: Error parsing job file from .*:\n/, "")
    .split("\n")
    .map((line) => (line.startsWith(`${basename(file)}:`) ? `${file}${line.slice(basename(file).length)}` : line));
  return lines[0].startsWith(file) ? lines.join("\n") : `${file}: ${lines.join("\n")}`;
}
