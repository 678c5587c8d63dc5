import { runTool } from "./run-tool";

/** The longest that each of the two commands may take, in milliseconds. */
const APT_MS = 10 * 60_000;

export interface DebianPackagesOptions {
  /** @default never */
  readonly signal?: AbortSignal;
  /** Sees each line that apt-get says. @default nobody */
  readonly onLine?: (line: string) => void;
}

/**
 * Installs Debian packages.
 *
 * @throws LabError with apt-get's own last lines when it fails.
 */
export async function installDebianPackages(
  packages: readonly string[],
  options: DebianPackagesOptions = {},
): Promise<void> {
  const apt = (...args: string[]) =>
    runTool(["apt-get", "--option", "DPkg::Lock::Timeout=120", ...args], {
      ...options,
      what: `The installation of the Debian packages ${packages.join(", ")}`,
      fix: "Mend what `apt-get update` and the lines above say, or install them by hand, and try again.",
      timeoutMs: APT_MS,
      env: { DEBIAN_FRONTEND: "noninteractive" },
    });
  // A fresh machine knows no packages at all. Where one of its sources is broken the others may still have them.
  await apt("update").catch(() => undefined);
  await apt("install", "--yes", "--no-install-recommends", ...packages);
}
