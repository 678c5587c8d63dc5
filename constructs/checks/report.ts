import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describePath } from "../core/errors";
import type { Check } from "./check";
import type { Silence } from "./silence";

/** The results of the checks of an app, as data. Synthesis writes them next to the stacks, even if it fails. */
export interface Report {
  /** All checks that were run, in order. */
  readonly checks: readonly Pick<Check, "id" | "level" | "reason">[];
  /** Errors and warnings, without those that are silenced. */
  readonly findings: readonly ReportedFinding[];
  /** All calls of {@link silence}, including those without a finding. */
  readonly silences: readonly ReportedSilence[];
}

/** A silence with the number of findings that it accepts. */
export interface ReportedSilence extends Silence {
  /** Number of findings that it accepts. If it is 0, the silence can be removed. */
  readonly findings: number;
}

/** A finding of a check. */
export interface ReportedFinding {
  /** Id of the check. */
  readonly id: string;
  /** An `error` makes the synthesis fail, a `warning` does not. */
  readonly level: Check["level"];
  /** Path of the construct; empty for the app. */
  readonly path: string;
  /** The problem in one sentence, with the value that was given. */
  readonly problem: string;
  /** The fix in one sentence, in the imperative. */
  readonly fix: string;
}

/** Writes a report to the app's output directory. */
export function writeReport(outdir: string, report: Report): void {
  const file = fileIn(outdir);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
}

/** Reads a report written by {@link writeReport}. Returns `undefined` if no checks were run. */
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

/** A silence in one line: the construct, the check, the number of findings and the reason. */
export function sentenceOfSilence(silence: ReportedSilence): string {
  return `${describePath(silence.path)}: ${remarkOf(silence)}`;
}

/** A silence in one line, without the construct. */
export function remarkOf({ id, reason, findings }: ReportedSilence): string {
  return `${id} is silenced (${findings} finding${findings === 1 ? "" : "s"}): ${reason}`;
}

function fileIn(outdir: string): string {
  return join(outdir, "meshform", "checks.json");
}
