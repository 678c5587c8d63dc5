import { ANY_SERVICE } from "../../consul/service-intentions";
import { configEntries } from "../../model/config-entries";
import type { Cluster } from "../../model/cluster";
import { decide, type Source } from "../../model/intentions";
import type { IntentionRecord, MemberRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import type { Check } from "../check";
import { guardedIn } from "./jwt";

/** The services of a cluster that have intentions. */
function destinationsIn({ members }: Cluster): readonly MemberRecord[] {
  return members.filter(({ kind }) => kind === "service" || kind === "external service");
}

/** The intentions for every service that are stated in the app, by what they do. */
function* wildcardIntentions(
  { clusters }: Snapshot,
  does: "allow" | "deny",
): Iterable<{ readonly cluster: Cluster; readonly intention: IntentionRecord; readonly source: Source }> {
  for (const cluster of clusters) {
    for (const intention of cluster.statedFor(ANY_SERVICE)) {
      if ((intention.isDenied === true) === (does === "deny")) {
        yield { cluster, intention, source: sourceOf(intention, cluster) };
      }
    }
  }
}

function sourceOf({ source: { service, peer, tenancy } }: IntentionRecord, cluster: Cluster): Source {
  return { service, peer, tenancy, at: cluster.tenancy };
}

/** Returns what decides about a source and a destination, and whether it is an intention for any destination. */
function decisionFor(graph: Snapshot, cluster: Cluster, source: Source, destination: string) {
  const names = [destination, ANY_SERVICE];
  const entries = names.flatMap((name) => graph.entryOf(cluster, { kind: "service-intentions", name }) ?? []);
  const decision = decide(configEntries(entries), source, destination);
  return { ...decision, isByWildcard: decision.intention?.destination === ANY_SERVICE };
}

function listed(names: readonly string[]): string {
  const first = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${first} and ${names.length - 3} more` : first;
}

function nameOf({ service, peer }: Source): string {
  const name = service === ANY_SERVICE ? "every service" : service;
  return peer === undefined ? name : `${name} of the peer ${peer}`;
}

const wildcardDestination: Check = {
  id: "wildcard-destination",
  reason: "An attacker who controls the source can then reach services of which no connection is stated.",
  level: "error",
  *find({ graph }) {
    for (const { cluster, intention, source } of wildcardIntentions(graph, "allow")) {
      const reached = destinationsIn(cluster).filter(({ name }) => {
        const { allowed, isByWildcard } = decisionFor(graph, cluster, source, name);
        return isByWildcard && allowed !== "no" && name !== source.service;
      });
      yield {
        at: intention.origin.path,
        problem: `${nameOf(source)} can reach every service${reached.length === 0 ? "" : `, such as ${listed(reached.map(({ name }) => name))}`}.`,
        fix: 'Connect it to the services that it needs. If this is intended, silence(…, "wildcard-destination", "why").',
      };
    }
  },
};

const bypassedToken: Check = {
  id: "bypassed-token",
  reason:
    "A service's requirement of a token applies to the sources of its own intentions, not to those of the wildcard destination.",
  level: "error",
  *find({ graph }) {
    for (const { cluster, source } of wildcardIntentions(graph, "allow")) {
      for (const { member } of guardedIn(graph).filter((guarded) => guarded.cluster === cluster)) {
        const { key, name } = member;
        const { allowed, isByWildcard } = decisionFor(graph, cluster, source, name);
        if (isByWildcard && allowed !== "no") {
          yield {
            at: key,
            problem: `${nameOf(source)} can reach ${name} without a token, by an intention for every service.`,
            fix: `Deny it with denyFrom at ${name}, or state it there with allowFrom, so that it needs the token too.`,
          };
        }
      }
    }
  },
};

const ineffectiveDenial: Check = {
  id: "ineffective-denial",
  reason: "An intention for a service comes before one for every service, whatever their sources are.",
  level: "warning",
  *find({ graph }) {
    for (const { cluster, intention, source } of wildcardIntentions(graph, "deny")) {
      const reached = destinationsIn(cluster).filter(
        ({ name }) => decisionFor(graph, cluster, source, name).allowed !== "no",
      );
      if (reached.length > 0) {
        yield {
          at: intention.origin.path,
          problem: `${nameOf(source)} is denied to reach every service, but intentions of ${listed(reached.map(({ name }) => name))} allow it.`,
          fix: "Deny it at these services too, or remove what allows it there.",
        };
      }
    }
  },
};

export const wildcardDestinationChecks: readonly Check[] = [wildcardDestination, bypassedToken, ineffectiveDenial];
