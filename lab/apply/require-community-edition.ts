import { isDefaultTenancy, tenancyIn, tenancyText, type Tenancy } from "../../constructs/consul/tenancy";
import type { MeshDocuments } from "./documents";
import { LabError } from "../core/errors";

/**
 * Refuses what only Consul Enterprise has, before anything boots: the lab runs the community edition. Nomad would place jobs of a namespace
 * in the default one, and jobs of a partition nowhere.
 *
 * @throws LabError that names each construct
 */
export function requireCommunityEdition({ jobs, entries }: MeshDocuments): void {
  const ofJobs = jobs.flatMap(({ construct, job }) =>
    (job.TaskGroups ?? []).flatMap(({ Consul }) => {
      const what = `the job ${job.ID ?? ""}`;
      const isOnlyNamed = isDefaultTenancy(tenancyIn(Consul ?? {}, {})) && Consul?.Partition;
      return isOnlyNamed
        ? [`${construct}: ${what} requires nodes of the partition ${Consul.Partition}, and there are none.`]
        : problemOf(construct, what, Consul);
    }),
  );
  const ofEntries = entries.flatMap(({ construct, stack, entry }) => {
    const what = `the config entry ${entry.Kind}/${("Name" in entry && entry.Name) || "mesh"}`;
    const at = construct ?? stack;
    return entry.Kind === "sameness-group" ? [`${at}: ${what} is a sameness group.`] : problemOf(at, what, entry);
  });
  const problems = [...new Set([...ofJobs, ...ofEntries])];
  if (problems.length === 0) return;
  const shown = problems.slice(0, SHOWN);
  const rest = problems.length - shown.length;
  throw new LabError(
    `This app needs Consul Enterprise, and the lab runs the community edition:${shown.map((problem) => `\n  - ${problem}`).join("")}` +
      (rest > 0 ? `\n  - and ${rest} more` : ""),
    "Nothing was deployed. For the lab, omit tenancy of the meshes and sameness groups.",
  );
}

/** One mesh can have hundreds of entries. */
const SHOWN = 10;

function problemOf(construct: string, what: string, fields: Parameters<typeof tenancyIn>[0] | undefined): string[] {
  const tenancy: Tenancy = tenancyIn(fields ?? {}, {});
  return isDefaultTenancy(tenancy) ? [] : [`${construct}: ${what} is in ${tenancyText(tenancy)}.`];
}
