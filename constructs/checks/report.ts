import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describePath } from "../core/errors";
import type { Check } from "./check";
import type { Silence } from "./silence";

/** What the checks say of an app, as data. Synthesis writes it next to the stacks, also where an error ends it. */
export interface Report {
  /** All that was looked for, in its order. */
  readonly checks: readonly Pick<Check, "id" | "level" | "reason">[];
  /** Errors and warnings, without those that are silenced. */
  readonly findings: readonly ReportedFinding[];
  /** Every call of {@link silence}, those that accept nothing included. */
  readonly silences: readonly ReportedSilence[];
}

/** What was accepted, and how many findings that were. */
export interface ReportedSilence extends Silence {
  /** How many findings it accepts; with 0 it can be removed. */
  readonly findings: number;
}

/** A finding of a check. */
export interface ReportedFinding {
  /** Id of the check. */
  readonly id: string;
  /** `error` ends synthesis with a failure, `warning` does not. */
  readonly level: Check["level"];
  /** Path of the construct; empty for the app. */
  readonly path: string;
  /** One sentence: what is wrong, with the value that was given. */
  readonly problem: string;
  /** One sentence in the imperative: what to do about it. */
  readonly fix: string;
}

/** Writes a report into the folder of an app's output. */
export function writeReport(outdir: string, report: Report): void {
  const file = fileIn(outdir);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
}

/** Reads what {@link writeReport} wrote; `undefined` where no check ran. */
export function readReport(outdir: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(fileIn(outdir), "utf8")) as Report;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return undefined;
    }
    throw error;
  }
}

/** Removes the report of an earlier synthesis. */
export function removeReport(outdir: string): void {
  rmSync(fileIn(outdir), { force: true });
}

/** A finding in one line. */
export function sentenceOf({ id, path, problem, fix }: ReportedFinding): string {
  return `${describePath(path)}: ${problem} ${fix} (${id})`;
}

/** A silence in one line: where it is, what it silences, how often and why. */
export function sentenceOfSilence(silence: ReportedSilence): string {
  return `${describePath(silence.path)}: ${remarkOf(silence)}`;
}

/** The same for where the construct is known. */
export function remarkOf({ id, reason, findings }: ReportedSilence): string {
  return `${id} is silenced (${findings} finding${findings === 1 ? "" : "s"}): ${reason}`;
}

function fileIn(outdir: string): string {
  return join(outdir, "meshform", "checks.json");
}
