import { Listr } from "listr2";
import { installDebianPackages } from "./debian-packages";
import { ensureEngines } from "./engines/ensure-engines";
import type { Engines } from "./engines/engine";
import { locateEngines } from "./engines/locate-engines";
import { LabError } from "./errors";
import { findProgram } from "./find-program";
import { isShown } from "./boot-script";
import { invocation } from "./invocation";
import { checkDocker, checkPrerequisites, type Finding, thisMachine } from "./prerequisites";
import { isInteractive, PROGRESS } from "./progress";

export interface PrepareOptions {
  /** Whether what only the tests need is prepared too. @default false */
  readonly tests?: boolean;
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
  const install = reports.filter(({ engine }) => engine === undefined).map(({ name }) => name);
  const check = () => checkPrerequisites({ install, tests: options.tests });

  const missing = (await check()).filter(({ ok }) => !ok);
  if (missing.some((finding) => !isInstallable(finding))) throw lacking(missing, "Nothing was changed.");
  if (missing.length > 0) {
    await installPackages(missing, options.signal);
    // What could not be judged without those packages, and what they did not bring.
    const still = (await check()).filter(({ ok }) => !ok);
    if (still.length > 0) throw lacking(still, "The Debian packages that were missing are installed now.");
  }
  return ensureEngines({ signal: options.signal, reports });
}

/** Whether `install` and `up` can bring what is missing, on this machine. */
export function isInstallable(finding: Finding): boolean {
  const machine = thisMachine();
  return finding.debianPackage !== undefined && machine.uid === 0 && machine.find("apt-get") !== undefined;
}

export interface EnsureDockerOptions {
  /** Called before a Debian package is installed. */
  readonly onInstall: (debianPackage: string) => void;
  /** Sees what the installation says. */
  readonly onLine: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * The Docker daemon's program, for hosts that run containers; its Debian package is installed where it is missing.
 *
 * @throws LabError if there is none, and none can be installed here
 */
export async function ensureDocker({ onInstall, onLine, signal }: EnsureDockerOptions): Promise<string> {
  const finding = await checkDocker(thisMachine());
  if (!finding.ok) {
    if (!isInstallable(finding)) throw lacking([finding], "Nothing was deployed.");
    const { debianPackage = "" } = finding;
    onInstall(debianPackage);
    await installDebianPackages([debianPackage], { signal, onLine });
  }
  const dockerd = findProgram("dockerd");
  if (dockerd === undefined) throw lacking([await checkDocker(thisMachine())], "Nothing was deployed.");
  if (isShown(dockerd)) return dockerd;
  throw new LabError(
    `Hosts of the lab do not see ${dockerd}, the Docker daemon.`,
    "Put it into /usr/local/bin, with containerd and runc, or install the package docker.io.",
  );
}

async function installPackages(missing: readonly Finding[], signal?: AbortSignal): Promise<void> {
  const packages = [...new Set(missing.map(({ debianPackage }) => debianPackage))].filter((name) => name !== undefined);
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
    `This machine lacks ${missing.length === 1 ? "one thing" : `${missing.length} things`}:${list.join("")}`,
    `${outcome} Fix these and try again; \`${invocation("doctor")}\` shows the whole list.`,
  );
}
