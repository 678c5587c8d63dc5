import { isSeen } from "../../cluster/fact";
import { absenceOf } from "../absence";
import { branchesIn, healthyAt, nameOfTarget, servingOf, type Branch } from "../branches";
import type { ChainTarget, ConnectionFacts } from "../facts";
import { isHealthy } from "../instances";
import { placeOf, seen, type Link, type LinkFinding } from "../link";

/** What Consul has of each target. */
export const instances: Link = {
  id: "instances",
  title: "the destination has healthy instances",
  find: (facts) => branchesIn(facts).flatMap((branch) => findingsOf(facts, branch)),
};

function findingsOf(facts: ConnectionFacts, branch: Branch): LinkFinding[] {
  const { target, failover, weight } = branch;
  const serving = servingOf(facts, branch);
  const part = weight === undefined || weight === 100 ? "" : ` ${weight} % of the requests go there.`;
  if (serving === undefined) {
    const { problem, ...rest } = problemOf(facts, target);
    const others =
      failover.length === 0
        ? ""
        : ` Neither has any failover target (${failover.map((it) => nameOfTarget(it, facts)).join(", ")}).`;
    return [{ ...rest, problem: `${problem}${others}${part}` }];
  }
  if (serving !== target) {
    const { problem, at } = problemOf(facts, target);
    return [{ level: "remark", at, problem: `Its requests fail over to ${nameOfTarget(serving, facts)}: ${problem}` }];
  }
  const ill = seen(facts.targets[target.ID]).filter((it) => !isHealthy(it, target));
  return ill.map((it) => ({
    level: "remark" as const,
    at: placeOf(it),
    problem: `It gets no requests: ${failing(it.checks)}.`,
    fix: `Read \`meshform health\`. ${healthyAt(facts, target.ID).length} other instances are healthy.`,
  }));
}

/** Why a target has no healthy instance. */
function problemOf(facts: ConnectionFacts, target: ChainTarget): LinkFinding {
  const { ID, Service, ServiceSubset, Subset, Peer, Datacenter } = target;
  const all = seen(facts.targets[target.ID]);
  const { destination } = facts.question;
  const redirected = Service === destination ? "" : ` Rules of ${destination} lead there.`;
  if (all.length > 0) {
    return {
      at: all.length === 1 ? placeOf(all[0]) : Service,
      problem: `No instance of ${nameOfTarget(target, facts)} is healthy: ${failing(all[0].checks)}.${redirected}`,
      fix: "Fix what its check reports; see `meshform health`.",
    };
  }
  if (Peer) {
    return {
      at: Service,
      problem: `The peer ${Peer} shows no instance of it: it is not exported to this cluster, or does not run.${redirected}`,
      fix: `Export it in the cluster of ${Peer}, and deploy it there.`,
    };
  }
  const { [ID]: registered } = facts.registered;
  const isOfQuery = isSeen(facts.chain) && facts.chain.value.Query !== undefined;
  if ((ServiceSubset || isOfQuery) && registered !== undefined && isSeen(registered) && registered.value.length > 0) {
    const [what, owner] = ServiceSubset
      ? [`is in the subset ${ServiceSubset}`, "subset"]
      : ["has what the prepared query requires", "query"];
    return {
      at: Service,
      problem: `No instance ${what} (${Subset?.Filter ?? "no filter"}), of ${registered.value.length} that are registered.${redirected}`,
      fix: `Correct the filter of the ${owner}, or deploy the version that it selects.`,
    };
  }
  const gateway = Object.keys(facts.gateways).at(0);
  if (gateway !== undefined) {
    return {
      at: Service,
      problem: `It is outside of the mesh, and its terminating gateway ${gateway} has no healthy instance.${redirected}`,
      fix: `Start the gateway ${gateway}; see \`meshform health\`.`,
    };
  }
  const { problem, ...rest } = absenceOf(facts, Service, Datacenter);
  return { ...rest, problem: `${problem}${redirected}` };
}

function failing(
  checks: readonly { readonly name: string; readonly status: string; readonly output: string }[],
): string {
  // What an alias repeats is reported once.
  const own = checks.filter(
    ({ status, name }) => status === "critical" && !name.startsWith("Connect Sidecar Aliasing"),
  );
  const shown = own.length > 0 ? own : checks.filter(({ status }) => status !== "passing");
  return shown.map(({ name, output }) => `${name}: ${output.replace(/\.$/, "") || "no output"}`).join("; ");
}
