import type { Command } from "commander";
import { checkVersions } from "../constructs/linux/versions";
import { type EngineReport, locateEngines } from "../lab/engines/locate-engines";
import { checkPrerequisites, type Finding } from "../lab/prerequisites";

/** What `meshform doctor --json` prints. */
export interface Diagnosis {
  /** Whether nothing is missing. */
  readonly ok: boolean;
  readonly prerequisites: readonly Finding[];
  readonly engines: readonly EngineReport[];
  /** What works but should be known, as sentences. */
  readonly warnings: readonly string[];
}

/** `meshform doctor`: what the lab needs, what there is, and what to do about the difference. Changes nothing. */
export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("show what the lab needs of this machine and what is missing; changes nothing")
    .option("--json", "print it as JSON")
    .addHelpText("after", "\nThe exit code is 1 when something is missing.")
    .action(async (options: { json?: boolean }) => {
      const diagnosis = await diagnose();
      console.log(options.json ? JSON.stringify(diagnosis, undefined, 2) : render(diagnosis));
      if (!diagnosis.ok) process.exitCode = 1;
    });
}

async function diagnose(): Promise<Diagnosis> {
  const engines = await locateEngines();
  const install = engines.filter(({ engine }) => engine === undefined).map(({ name }) => name);
  const prerequisites = await checkPrerequisites({ install, tests: true });
  const versions = Object.fromEntries(engines.map(({ name, engine }) => [name, engine?.version]));
  return {
    ok: install.length === 0 && prerequisites.every(({ ok }) => ok),
    prerequisites,
    engines,
    warnings: [...engines.flatMap(({ passedOver }) => passedOver), ...checkVersions(versions)],
  };
}

function render({ ok, prerequisites, engines, warnings }: Diagnosis): string {
  const rows = [
    ...prerequisites.map(({ ok, what, found }) => [mark(ok), what, found ?? (ok ? "" : "missing")]),
    ...engines.map(({ name, engine, pinned, source }) =>
      engine
        ? [mark(true), `${name} ${engine.version}`, `${engine.origin}: ${engine.path}`]
        : [mark(false), `${name} ${pinned}`, `not installed yet, comes from ${source}`],
    ),
  ];
  const width = Math.max(...rows.map(([, what = ""]) => what.length));
  const table = rows.map(([mark = "", what = "", found = ""]) => `${mark} ${what.padEnd(width)}  ${found}`.trimEnd());
  const remedies = [
    ...prerequisites
      .filter(({ ok }) => !ok)
      .map(({ what, remedy, debianPackage }) => `${what}: ${remedy}${byInstall(debianPackage)}`),
    ...(engines.some(({ engine }) => engine === undefined) ? ["The engines: run `meshform install`."] : []),
  ];
  return [
    ...table,
    ...section("Worth knowing:", warnings),
    ...section("To do:", remedies),
    "",
    ok ? "Nothing is missing." : "Something is missing.",
  ].join("\n");
}

function mark(ok: boolean): string {
  return ok ? "✔" : "✖";
}

function byInstall(debianPackage?: string): string {
  return debianPackage === undefined ? "" : " On Debian, `meshform install` does that.";
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  - ${line}`)];
}
