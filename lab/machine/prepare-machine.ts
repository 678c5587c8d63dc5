import { Listr } from "listr2";
import { installDebianPackages } from "./debian-packages";
import { ensureEngines } from "./engines/ensure-engines";
import type { Engines, OptionalEngine } from "./engines/engine";
import { locateEngines, missingEngines } from "./engines/locate-engines";
import { LabError } from "../core/errors";
import { findProgram } from "./find-program";
import { isShown } from "./shown-folders";
import { invocation } from "../core/invocation";
import {
  checkDocker,
  checkDockerClient,
  checkPrerequisites,
  type Finding,
  type Machine,
  thisMachine,
} from "./prerequisites";
import { isInteractive, PROGRESS } from "../core/progress";

export interface PrepareOptions {
  /** Whether what only the tests need is prepared too. @default false */
  readonly tests?: boolean;
  /** Engines of some labs only that this one has. @default none */
  readonly also?: readonly OptionalEngine[];
  /** Stops the preparation; what it had begun is removed. @default never */
  readonly signal?: AbortSignal;
}

/**
 * Makes this machine fit to run a lab: installs the Debian packages and the engines that are missing, and nothing when
 * none is. Shows its progress on standard output.
 *
 * @throws LabError before anything is touched when something is missing that cannot be installed here; it lists all that
 * is missing.
 */
export async function prepareMachine(options: PrepareOptions = {}): Promise<Engines> {
  const reports = await locateEngines();
  const install = missingEngines(reports, options.also);
  const check = () => checkPrerequisites({ install, tests: options.tests });

  let installed: readonly string[] = [];
  for (;;) {
    const missing = (await check()).filter(({ ok }) => !ok);
    if (missing.length === 0) break;
    const packages = packagesOf(missing).filter((name) => !installed.includes(name));
    if (packages.length === 0 || missing.some((finding) => !isInstallable(finding))) {
      throw lacking(
        missing,
        installed.length === 0 ? "Nothing was changed." : "The Debian packages that were missing are installed now.",
      );
    }
    await installPackages(packages, options.signal);
    // Again: what could not be judged without those packages, and what they did not bring.
    installed = [...installed, ...packages];
  }
  return ensureEngines({ signal: options.signal, reports, also: options.also });
}

/** Whether `install` and `up` can bring what is missing, on this machine. */
export function isInstallable(finding: Finding, machine: Machine = thisMachine()): boolean {
  return finding.debianPackage !== undefined && machine.uid === 0 && machine.find("apt-get") !== undefined;
}

export interface EnsureProgramOptions {
  /** Called before a Debian package is installed. */
  readonly onInstall: (debianPackage: string) => void;
  /** Sees what the installation says. */
  readonly onLine: (line: string) => void;
  readonly signal?: AbortSignal;
  /** @default this machine */
  readonly machine?: Machine;
}

/**
 * The Docker daemon's program, for hosts that run containers; its Debian package is installed where it is missing.
 *
 * @throws LabError if it is missing and cannot be installed here
 */
export async function ensureDocker(options: EnsureProgramOptions): Promise<string> {
  await ensureProgram(checkDocker, options);
  const dockerd = findProgram("dockerd");
  if (dockerd === undefined) throw lacking([await checkDocker(thisMachine())], "Nothing was deployed.");
  if (isShown(dockerd)) return dockerd;
  throw new LabError(
    `Hosts of the lab cannot read ${dockerd}, the Docker daemon.`,
    "Move it to /usr/local/bin, with containerd and runc, or install the package docker.io.",
  );
}

/**
 * The Docker client, for images that are built from a Dockerfile; the same for its package. The daemon has to be there.
 *
 * @throws LabError if it is missing and cannot be installed here
 */
export function ensureDockerClient(options: EnsureProgramOptions): Promise<void> {
  return ensureProgram(checkDockerClient, options);
}

async function ensureProgram(
  check: (machine: Machine) => Promise<Finding | undefined>,
  { onInstall, onLine, signal, machine = thisMachine() }: EnsureProgramOptions,
): Promise<void> {
  const finding = await check(machine);
  if (finding === undefined || finding.ok) return;
  if (!isInstallable(finding, machine)) throw lacking([finding], "Nothing was deployed.");
  const { debianPackage = "" } = finding;
  onInstall(debianPackage);
  await installDebianPackages([debianPackage], { signal, onLine });
}

function packagesOf(missing: readonly Finding[]): string[] {
  return [...new Set(missing.map(({ debianPackage }) => debianPackage))].filter((name) => name !== undefined);
}

async function installPackages(packages: readonly string[], signal?: AbortSignal): Promise<void> {
  await new Listr(
    [
      {
        title: `Install the Debian packages ${packages.join(", ")}`,
        task: (_, task) =>
          installDebianPackages(packages, {
            signal,
            onLine: (line) => {
              if (isInteractive()) task.output = line;
            },
          }),
      },
    ],
    PROGRESS,
  ).run();
}

function lacking(missing: readonly Finding[], outcome: string): LabError {
  const list = missing.map(({ what, found, remedy }) => `\n  - ${what}${found ? ` (found: ${found})` : ""}. ${remedy}`);
  return new LabError(
    `This machine does not meet ${missing.length === 1 ? "a requirement" : `${missing.length} requirements`} of the lab:${list.join("")}`,
    `${outcome} Fix these and try again; \`${invocation("doctor")}\` shows all requirements.`,
  );
}
