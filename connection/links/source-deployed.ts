import { absenceOf } from "../absence";
import { isHealthy } from "../instances";
import { placeOf, seen, type Link } from "../link";

/** Instances of the source. */
export const sourceDeployed: Link = {
  id: "source-deployed",
  title: "the source runs",
  find: (facts) => {
    const { source, datacenter } = facts.question;
    const instances = seen(facts.source);
    if (instances.length === 0) return [absenceOf(facts, source, datacenter)];
    if (instances.every(({ kind }) => kind === "plain")) {
      return [
        {
          at: source,
          problem: "Its instances have no sidecar, so they are not in the mesh.",
          fix: "Add a `connect` block with a `sidecar_service` to its service.",
        },
      ];
    }
    return instances
      .filter((it) => !isHealthy(it))
      .map((instance) => ({
        level: "remark" as const,
        at: placeOf(instance),
        problem: `It is critical: ${failuresOf(instance.checks)}.`,
        fix: "An unhealthy source can still send requests; see `meshform health`.",
      }));
  },
};

function failuresOf(
  checks: readonly { readonly name: string; readonly status: string; readonly output: string }[],
): string {
  const failing = checks.filter(({ status }) => status === "critical");
  return failing.map(({ name, output }) => `${name}${output && ` (${output.replace(/\.$/, "")})`}`).join("; ");
}
