import { isSeen } from "../cluster/fact";
import type { ConnectionFacts, JobFact } from "./facts";
import type { LinkFinding } from "./link";

/** Why Consul has no instance of a service in a datacenter: what Nomad says of its jobs. */
export function absenceOf({ jobs, question }: ConnectionFacts, service: string, datacenter: string): LinkFinding {
  const own = isSeen(jobs) ? jobs.value.filter((it) => it.service === service && it.datacenter === datacenter) : [];
  const reason = own.map(reasonOf).find((it) => it !== undefined);
  if (reason) return { at: service, ...reason };
  if (own.length > 0) {
    return {
      at: service,
      problem: `Its job ${own[0].id} runs, but Consul has no instance of it in the mesh.`,
      fix: "Check that its service has a `connect` block, and run `meshform check`.",
    };
  }
  return datacenter === question.datacenter
    ? {
        at: service,
        problem: "Consul has no instance of it, and no job of Nomad registers it.",
        fix: "Correct the name where it is written, or deploy the service.",
      }
    : {
        at: service,
        problem: `Consul has no instance of it in ${datacenter}.`,
        fix: "Deploy it there, or correct the name of the datacenter.",
      };
}

function reasonOf({ id, state, count, status }: JobFact): Omit<LinkFinding, "at"> | undefined {
  const none = "so Consul has no instance of it";
  if (state === "absent") return { problem: `Nomad has no job ${id}, ${none}.`, fix: "Deploy the app." };
  if (state === "stopped") {
    return { problem: `Its job ${id} is stopped, ${none}.`, fix: `Deploy the app, or run \`nomad job start ${id}\`.` };
  }
  if (status === undefined) return undefined;
  const unplaced = status.unplaced.at(0);
  if (unplaced !== undefined) {
    return {
      problem: `Nomad finds no node for its job ${id}: ${unplaced.replace(/\.$/, "")}.`,
      fix: "Fix the constraint that filters the nodes.",
    };
  }
  if (count === 0) return { problem: `Its job ${id} has the count 0, ${none}.`, fix: "Set `count` to 1 or more." };
  const ill = [...status.instances, ...status.failed].find(({ healthy }) => !healthy);
  if (ill === undefined) return undefined;
  return {
    problem: `Its job ${id} does not run on ${ill.node}: ${ill.problems.join("; ").replace(/\.$/, "")}.`,
    fix: `Read \`meshform health ${id}\` and \`nomad alloc status ${ill.allocation.slice(0, 8)}\`.`,
  };
}
