import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { Option, type Command } from "commander";
import { readReport } from "../constructs/checks/report";
import { diffMeshes, isEmpty, type Synthesis } from "../graph/diff";
import { renderDiff } from "../graph/diff-text";
import { findApp } from "../lab/app/app-source";
import { readStacks } from "../lab/apply/synthesized";
import { appOption } from "./app-option";
import { interruptible } from "./interruptible";
import { jsonOption, print } from "./json";
import { withRevision } from "./revision";
import { synthesis } from "./synthesis";

const FORMATS = ["text", "markdown", "json"] as const;

interface Options {
  readonly base: string;
  readonly app?: string;
  readonly format: (typeof FORMATS)[number];
  readonly json?: boolean;
  readonly exitCode?: boolean;
}

/** `meshform diff`: what a change of an app means for the mesh. Deploys nothing. */
export function registerDiff(program: Command): void {
  program
    .command("diff")
    .description("compare the app with an earlier version: changed access, restarted jobs, silenced checks")
    .requiredOption(
      "--base <folder or revision>",
      "what to compare with: the cdktf.out of an earlier synthesis, or a git revision",
    )
    .addOption(appOption())
    .addOption(new Option("--format <format>", "how to print it").choices(FORMATS).default("text"))
    .addOption(jsonOption().conflicts("format"))
    .option("--exit-code", "exit with code 1 if anything changes")
    .addHelpText(
      "after",
      "\nNothing needs to run. For a pull request: meshform diff --base origin/main --format markdown",
    )
    .action(({ base, app, format, json, exitCode = false }: Options) =>
      interruptible(async (signal) => {
        const [before, after] = [await synthesisOf(base, app, signal), await synthesis(findApp(app), signal)];
        const diff = diffMeshes(before, after);
        print(diff, json === true || format === "json", (it) => renderDiff(it, format === "json" ? "text" : format));
        if (exitCode && !isEmpty(diff)) process.exitCode = 1;
      }),
    );
}

async function synthesisOf(base: string, app: string | undefined, signal: AbortSignal): Promise<Synthesis> {
  const folder = resolve(base);
  if (existsSync(join(folder, "manifest.json"))) return { stacks: readStacks(folder), report: readReport(folder) };
  return withRevision(base, signal, (there) => synthesis(findApp(app, there), signal));
}
