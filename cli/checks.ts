import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { readReport, sentenceOf, sentenceOfSilence, type Report } from "../constructs/checks/report";
import { counted } from "../lab/core/counted";
import { findApp, type AppSource } from "../lab/app/app-source";
import { LabError } from "../lab/core/errors";
import { synthesizeApp } from "../lab/app/synthesize-app";
import { appOption } from "./app-option";
import { interruptible } from "./interruptible";
import { jsonOption, print } from "./json";
import { table } from "./table";

interface Options {
  readonly app?: string;
  readonly json?: boolean;
}

/** `meshform checks`: what synthesis looks for in an app, what it finds, and what was silenced. Deploys nothing. */
export function registerChecks(program: Command): void {
  program
    .command("checks")
    .description("list the checks of an app, what they find, and what was silenced; deploys nothing")
    .addOption(appOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nThe exit code is 1 when there is an error. To check a running cluster, use `meshform check`.",
    )
    .action(({ app, json }: Options) =>
      interruptible(async (signal) => {
        const report = await reportOf(findApp(app), signal);
        print(report, json, render);
        if (hasErrors(report)) process.exitCode = 1;
      }),
    );
}

async function reportOf(app: AppSource, signal: AbortSignal): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "meshform-checks-"));
  try {
    const failed = await synthesizeApp(app, folder, { signal, profile: "own" }).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    const report = readReport(folder);
    // An app that ends for another reason has been checked in part, if at all.
    if (failed !== undefined && (report === undefined || !hasErrors(report))) throw failed.error;
    if (report === undefined) {
      throw new LabError(
        `No checks ran for ${app.name}.`,
        "Checks run if the app has a mesh, hosts or its own checks, and if skipValidation is not set.",
      );
    }
    return report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function hasErrors({ findings }: Report): boolean {
  return findings.some(({ level }) => level === "error");
}

/** What matters most comes last, where a terminal shows it. */
function render({ checks, findings, silences }: Report): string {
  const of = (wanted: string) => findings.filter(({ level }) => level === wanted);
  const [errors, warnings] = [of("error"), of("warning")];
  return [
    ...table([["CHECK", "LEVEL", "REASON"], ...checks.map(({ id, level, reason }) => [id, level, reason])]),
    ...section("Silenced:", silences.map(sentenceOfSilence)),
    ...section("Warnings:", warnings.map(sentenceOf)),
    ...section("Errors:", errors.map(sentenceOf)),
    "",
    [
      counted(checks.length, "check"),
      counted(errors.length, "error"),
      counted(warnings.length, "warning"),
      counted(silences.length, "silence"),
    ].join(", "),
  ].join("\n");
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)];
}
