import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runTool } from "./run-tool";

/** The longest that each of the two commands may take, in milliseconds. */
const APT_MS = 10 * 60_000;

export interface DebianPackagesOptions {
  /** @default never */
  readonly signal?: AbortSignal;
  /** Sees each line that apt-get says. @default nobody */
  readonly onLine?: (line: string) => void;
  /** @default "/etc" */
  readonly etc?: string;
}

/**
 * Installs Debian packages.
 *
 * @throws LabError with apt-get's own last lines when it fails.
 */
export async function installDebianPackages(
  packages: readonly string[],
  { etc = "/etc", ...options }: DebianPackagesOptions = {},
): Promise<void> {
  if (packages.includes("cloud-init")) disableCloudInit(etc);
  const apt = (...args: string[]) =>
    runTool(["apt-get", "--option", "DPkg::Lock::Timeout=120", ...args], {
      ...options,
      what: `The installation of the Debian packages ${packages.join(", ")}`,
      fix: "Fix the errors above and those of `apt-get update`, or install the packages manually, then try again.",
      timeoutMs: APT_MS,
      // The programs are wanted, and not the services that some packages would start on the machine.
      env: { DEBIAN_FRONTEND: "noninteractive", SYSTEMD_OFFLINE: "1" },
    });
  // A fresh machine knows no packages at all. Where one of its sources is broken the others may still have them.
  await apt("update").catch(() => undefined);
  await apt("install", "--yes", "--no-install-recommends", ...packages);
}

/**
 * Without this, cloud-init would take this machine for a new one at its next boot and set it up.
 *
 * @see https://docs.cloud-init.io/en/latest/howto/disable_cloud_init.html
 */
function disableCloudInit(etc: string): void {
  mkdirSync(join(etc, "cloud"), { recursive: true });
  writeFileSync(join(etc, "cloud/cloud-init.disabled"), "Installed for the tests of Meshform only.\n");
}
