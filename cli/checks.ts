import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { CHECKS_FILE, type ChecksFile } from "../constructs/checks/write-report";
import { LabError } from "../lab/errors";
import { synthesizeApp } from "../lab/synthesize-app";
import { interruptible } from "./interruptible";
import { table } from "./table";

interface Options {
  readonly app: string;
  readonly json?: boolean;
}

/** `meshform checks`: what is checked, what was found, and what was silenced and why. */
export function registerChecks(program: Command): void {
  program
    .command("checks")
    .description("list the checks of an app, what they find, and what is silenced and why")
    .option("--app <file>", "the app to synthesize and check", "main.ts")
    .option("--json", "print all of it as JSON")
    .addHelpText("after", "\nThe exit code is 1 if something is an error. Nothing needs to run.")
    .action(({ app, json = false }: Options) =>
      interruptible(async (signal) => {
        const file = await readChecks(app, signal);
        console.log(json ? JSON.stringify(file, undefined, 2) : inWords(file));
        if (file.findings.some(({ level }) => level === "error")) process.exitCode = 1;
      }),
    );
}

async function readChecks(app: string, signal: AbortSignal): Promise<ChecksFile> {
  const folder = mkdtempSync(join(tmpdir(), "meshform-checks-"));
  try {
    const file = join(folder, CHECKS_FILE);
    try {
      await synthesizeApp(app, folder, signal);
    } catch (error) {
      // Errors that checks found end synthesis too: they are in the file.
      if (signal.aborted || !existsSync(file)) throw error;
    }
    if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as ChecksFile;
    throw new LabError(`${app} has nothing to check.`, "Name an app with a mesh or hosts with --app.");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function inWords({ checks, findings, silences }: ChecksFile): string {
  const errors = findings.filter(({ level }) => level === "error").length;
  return [
    ...table([["CHECK", "LEVEL", "WHY"], ...checks.map(({ id, level, reason }) => [id, level, reason])]),
    "",
    ...(silences.length > 0
      ? [
          ...table([
            ["SILENCED", "AT", "FINDINGS", "WHY"],
            ...silences.map(({ id, path, findings: count, reason }) => [id, path || "the app", String(count), reason]),
          ]),
          "",
        ]
      : []),
    ...findings.map(({ id, level, path, problem, fix }) => `${level}: ${path || "the app"}: ${problem} ${fix} (${id})`),
    `${checks.length} checks; errors: ${errors}, warnings: ${findings.length - errors}, silenced: ${silences.length}.`,
  ].join("\n");
}
