import { Lab } from "../hosts/lab";
import { labNames } from "../core/lab-files";
import { markedLabs } from "../machine/processes";

/**
 * Removes a lab: its processes, namespaces, mounts, links, control groups and files.
 *
 * @returns whether there was anything
 */
export async function down(name: string): Promise<boolean> {
  const lab = new Lab(name);
  if (!lab.hasTraces) return false;
  await lab.exclusively(() => lab.remove());
  return true;
}

/** The names of all labs on this machine, also of those of which only processes are left. */
export function allLabs(): string[] {
  return [...new Set([...labNames(), ...markedLabs()])].sort();
}
