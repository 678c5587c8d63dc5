import { Option, type Command } from "commander";
import { checkVersions } from "../constructs/linux/versions";
import { type EngineReport, locateEngines, missingEngines } from "../lab/machine/engines/locate-engines";
import { jsonOption, print } from "./json";
import { IS_CLONE, invocation } from "../lab/core/invocation";
import { isInstallable } from "../lab/machine/prepare-machine";
import {
  checkDocker,
  checkDockerClient,
  checkPrerequisites,
  thisMachine,
  type Finding,
} from "../lab/machine/prerequisites";

/** What `meshform doctor --json` prints. */
export interface Diagnosis {
  /** Whether `meshform up` works on this machine, or the tests do. It may have to install something first. */
  readonly ok: boolean;
  readonly prerequisites: readonly Finding[];
  readonly engines: readonly EngineReport[];
  /** What `meshform up` would install first. */
  readonly installs: readonly string[];
  /** What works but should be known, as sentences. */
  readonly warnings: readonly string[];
}

/** `meshform doctor`: what the lab needs, what there is, and what to do about the difference. Changes nothing. */
export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("check the requirements of the lab on this machine; changes nothing")
    .addOption(
      // The package has no tests.
      new Option("--tests", "also check what only the tests and some examples need").hideHelp(!IS_CLONE),
    )
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `\nThe exit code is 1 when something is missing that \`${invocation("up")}\`${IS_CLONE ? ` (with --tests: \`${invocation("install")}\`)` : ""} cannot install here.`,
    )
    .action(async ({ tests = false, json }: { tests?: boolean; json?: boolean }) => {
      const diagnosis = await diagnose(tests);
      print(diagnosis, json, (it) => render(it, tests));
      if (!diagnosis.ok) process.exitCode = 1;
    });
}

async function diagnose(tests: boolean): Promise<Diagnosis> {
  const engines = await locateEngines();
  const install = missingEngines(engines);
  const prerequisites = await checkPrerequisites({ install, tests });
  const versions = Object.fromEntries(engines.map(({ name, engine }) => [name, engine?.version]));
  const packages = prerequisites
    .filter((it) => !it.ok && isInstallable(it))
    .map(({ debianPackage = "" }) => debianPackage);
  return {
    ok: prerequisites.every((it) => it.ok || isInstallable(it)),
    prerequisites,
    engines,
    installs: [...new Set(packages), ...install],
    warnings: [
      ...engines.flatMap(({ passedOver }) => passedOver),
      ...checkVersions(versions),
      ...(tests ? [] : await remarksOnDocker()),
    ],
  };
}

/** Only apps with containers need it. */
async function remarksOnDocker(): Promise<string[]> {
  const machine = thisMachine();
  const remark = (who: string, finding: Finding | undefined): string[] => {
    if (finding === undefined || finding.ok) return [];
    const outcome = isInstallable(finding) ? `\`${invocation("up")}\` installs it for them` : "install it for them";
    return [`${who} need ${finding.id}, from the Debian package ${finding.debianPackage ?? ""}: ${outcome}.`];
  };
  return [
    ...remark("Apps with containers", await checkDocker(machine)),
    ...remark("Images that are built from a Dockerfile", await checkDockerClient(machine)),
  ];
}

function render({ ok, prerequisites, engines, installs, warnings }: Diagnosis, tests: boolean): string {
  const rows = [
    ...prerequisites.map((it) => [
      it.ok ? there : isInstallable(it) ? installable : missing,
      it.what,
      it.found ?? (it.ok ? "" : isInstallable(it) ? `in the Debian package ${it.debianPackage ?? ""}` : "missing"),
    ]),
    ...engines.map(({ name, engine, pinned, optional, source }) =>
      engine
        ? [there, `${name} ${engine.version}`, `${engine.origin}: ${engine.path}`]
        : [
            installable,
            `${name} ${pinned}`,
            optional ? `only for \`up --${name}\`, comes from ${source}` : `not installed yet, comes from ${source}`,
          ],
    ),
  ];
  const width = Math.max(...rows.map(([, what = ""]) => what.length));
  const table = rows.map(([mark = "", what = "", found = ""]) => `${mark} ${what.padEnd(width)}  ${found}`.trimEnd());
  const remedies = prerequisites
    .filter((it) => !it.ok && !isInstallable(it))
    .map(({ what, remedy }) => `${what}: ${remedy}`);
  const command = invocation(tests ? "install" : "up");
  return [
    ...table,
    ...section("Worth knowing:", warnings),
    ...section("To do:", remedies),
    "",
    !ok
      ? "Something is missing."
      : installs.length === 0
        ? "Nothing is missing."
        : `\`${command}\` works here; it first installs ${installs.join(", ")}.`,
  ].join("\n");
}

const there = "✔";
const installable = "↓";
const missing = "✖";

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  - ${line}`)];
}
