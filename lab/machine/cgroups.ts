import { existsSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "../core/wait";

const root = "/sys/fs/cgroup";

/** The name of a host's control groups, the same in each hierarchy. No name of a lab or a host contains a dot. */
export function cgroupOf(lab: string, host: string): string {
  return `meshform.${lab}.${host}`;
}

/** All control groups of a host, or of a lab if no host is given: their absolute paths in every hierarchy. */
export function cgroupsOf(lab: string, host?: string): string[] {
  const isOurs = (name: string) =>
    host === undefined ? name.startsWith(cgroupOf(lab, "")) : name === cgroupOf(lab, host);
  return hierarchies().flatMap((hierarchy) =>
    subfolders(hierarchy)
      .filter(isOurs)
      .map((name) => join(hierarchy, name)),
  );
}

/** Removes control groups. Their processes must have been ended; the kernel may hold on to a group for an instant longer. */
export async function removeCgroups(paths: readonly string[]): Promise<void> {
  await waitFor(`the kernel to release ${paths.length} control groups`, () => paths.map(removeTree).every(Boolean), {
    timeoutMs: 10_000,
    intervalMs: 20,
    fix: `Stop the processes in ${root}/*/meshform.*, then try again.`,
  });
}

/**
 * Takes back controllers that were switched on for a lab's groups, on cgroup v2. One that somebody else uses by now stays on.
 */
export function disableControllers(controllers: readonly string[]): void {
  for (const controller of new Set(controllers)) {
    try {
      writeFileSync(join(root, "cgroup.subtree_control"), `-${controller}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
    }
  }
}

/** cgroup v2 has one hierarchy, v1 one for each controller. */
function hierarchies(): string[] {
  if (existsSync(join(root, "cgroup.controllers"))) return [root];
  return subfolders(root).map((name) => join(root, name));
}

function removeTree(path: string): boolean {
  const emptied = subfolders(path)
    .map((name) => removeTree(join(path, name)))
    .every(Boolean);
  try {
    if (emptied && existsSync(path)) rmdirSync(path);
    return emptied;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EBUSY") return false;
    throw error;
  }
}

/** Links, which v1 has for controllers that share a hierarchy, are not folders here. */
function subfolders(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}
