/** The release line of a version, e.g. `1.21` for `1.21.0+ent`. */
export function versionLine(version: string): string {
  return parts(version).slice(0, 2).join(".");
}

/** Whether a version is at least a minimum version. Suffixes such as `-dev` and `+ent` are ignored. */
export function isAtLeast(version: string, minimum: string): boolean {
  const [a, b] = [parts(version), parts(minimum)];
  for (const i of [0, 1, 2]) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function parts(version: string): number[] {
  return (/\d+(\.\d+)*/.exec(version)?.[0] ?? "").split(".").map(Number);
}
