import type { Check, CheckedApp } from "../../checks/check";
import { machineGroupsOf } from "./machines";

type Constraint = NonNullable<ReturnType<CheckedApp["graph"]["jobOf"]>["Constraints"]>[number];

/** A constraint on it says for which processors a workload is made. */
const ATTRIBUTE = "${attr.cpu.arch}";

/** Envoy's own images, which are published for both architectures; clients of Nomad name their default themselves. */
const FOR_BOTH = /^(\$\{meta\.connect\.|(docker\.io\/)?envoyproxy\/envoy:)/;

/** Containers whose image may not exist for the processors of the machines on which Nomad may place them. */
export const imageArchitecture: Check = {
  id: "image-architecture",
  reason: "A container whose image does not exist for the processor of its machine never starts.",
  level: "warning",
  *find({ root, graph }) {
    const groups = machineGroupsOf(root).filter(({ options }) => options.hosts.nodePool !== undefined);
    for (const { key } of graph.data.jobs.values()) {
      const { NodePool: pool = "default", Constraints: ofJob, TaskGroups = [] } = graph.jobOf(key);
      const candidates = groups.filter(({ options }) => pool === "all" || options.hosts.nodePool === pool);
      const architectures = [...new Set(candidates.map(({ options }) => options.image.architecture))];
      for (const { Constraints: ofGroup, Tasks = [] } of TaskGroups) {
        for (const { Name = "", Driver, Config, Constraints: ofTask } of Tasks) {
          const image = Config?.image;
          if (Driver !== "docker" || typeof image !== "string" || FOR_BOTH.test(image)) continue;
          const constraints = [ofJob, ofGroup, ofTask].flatMap((it) => it ?? []);
          const allowed = architectures.map((it) => [it, isAllowed(constraints, it)] as const);
          const silent = allowed.find(([, answer]) => answer === undefined)?.[0];
          if (silent !== undefined) {
            yield {
              at: key,
              problem: `The task ${Name} may be placed on machines for ${silent}, but nothing says that its image ${image} exists for ${silent}.`,
              fix: `If it does, set constraints to [Constraint.matches("${ATTRIBUTE}", "amd64|arm64")]. Otherwise, use an image and instance types for another architecture.`,
            };
          } else if (allowed.length > 0 && !allowed.some(([, answer]) => answer)) {
            yield {
              at: key,
              problem: `The task ${Name} cannot be placed: all machines of its node pool "${pool}" are for ${architectures.join(" or ")}, which its constraints exclude.`,
              fix: "Change the constraints, or use an image and instance types for another architecture.",
            };
          }
        }
      }
    }
  },
};

/** Whether constraints allow an architecture. @returns undefined if they say nothing of it */
function isAllowed(constraints: readonly Constraint[], architecture: string): boolean | undefined {
  const answers = constraints
    .filter(({ LTarget }) => LTarget === ATTRIBUTE)
    .map(({ Operand, RTarget }) => meets(String(Operand), String(RTarget), architecture));
  const known = answers.filter((it) => it !== undefined);
  return known.length === 0 ? undefined : known.every((it) => it);
}

/** @see https://developer.hashicorp.com/nomad/docs/job-specification/constraint#operator */
function meets(operator: string, value: string, architecture: string): boolean | undefined {
  switch (operator) {
    case "=":
    case "==":
    case "is":
      return value === architecture;
    case "!=":
    case "not":
      return value !== architecture;
    case "set_contains_any":
      return value.split(",").some((it) => it.trim() === architecture);
    case "regexp":
      return new RegExp(value).test(architecture);
    default:
      return undefined;
  }
}
