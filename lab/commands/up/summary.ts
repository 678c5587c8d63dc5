import type { ApplyResult } from "../../apply";

/** ` (offline): 2 created, 4 unchanged` */
export function summary(...results: readonly ApplyResult[]): string {
  const changes = (["created", "updated", "deleted", "unchanged"] as const).flatMap((what) => {
    const count = results.flatMap((result) => result[what]).length;
    return count > 0 ? [`${count} ${what}`] : [];
  });
  return ` (${results[0].engine}): ${changes.join(", ")}`;
}
