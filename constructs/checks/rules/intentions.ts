import { Protocol } from "../../consul/protocol";
import { allowsBeforeItDenies, ANY_SERVICE, isDeny } from "../../consul/service-intentions";
import type { IntentionRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import type { Check } from "../check";
import { describePath } from "../../core/errors";
import { keysOfDestination } from "./records";

const httpRuleOnTcp: Check = {
  id: "http-rule-on-tcp",
  reason: "Envoy sees no requests in a tcp stream, and Consul refuses the intention.",
  level: "error",
  *find({ graph }) {
    for (const cluster of graph.clusters) {
      for (const { origin, destination: name, source, permissions } of cluster.intentions) {
        const destination = cluster.findService(name);
        if (permissions !== undefined && destination?.protocol === Protocol.TCP) {
          yield {
            at: origin.path,
            problem: `The permissions of ${source.service} on ${name} are about HTTP requests, but ${name} speaks tcp.`,
            fix: `Set protocol: Protocol.HTTP (or HTTP2, GRPC) at ${describePath(destination.key)}, or leave the permissions away.`,
          };
        }
      }
    }
  },
};

const noPermissions: Check = {
  id: "no-permissions",
  reason: "An empty list of permissions denies everything, where omitting it allows everything.",
  level: "error",
  *find({ graph }) {
    for (const intention of graph.data.intentions) {
      const { origin, source, destination, permissions } = intention;
      if (permissions?.length === 0) {
        yield {
          at: origin.path,
          problem: `The permissions of ${source.service} on ${destination} are an empty list.`,
          fix: "List what it may ask, or leave permissions away to allow everything.",
          alsoAbout: keysOfDestination(graph, intention),
        };
      }
    }
  },
};

const conflictingIntention: Check = {
  id: "conflicting-intention",
  reason: "A source is in an entry once: what is allowed wholly makes permissions that allow less void.",
  level: "error",
  *find({ graph }) {
    for (const { statements } of sourcesIn(graph)) {
      const stated = statements.filter(({ follows }) => !follows);
      const whole = stated.filter(({ permissions }) => permissions === undefined);
      const partial = stated.filter(({ permissions }) => permissions?.some((permission) => !isDeny(permission)));
      const last = stated.filter((each) => whole.includes(each) || partial.includes(each)).at(-1);
      if (whole.length > 0 && partial.length > 0 && last !== undefined) {
        yield {
          at: last.origin.path,
          problem: `${last.source.service} may reach ${last.destination} both wholly and by permissions.`,
          fix: "Keep one of the two; next to the whole, permissions can only deny.",
          alsoAbout: keysOfDestination(graph, last),
        };
      }
    }
  },
};

const permissionOrder: Check = {
  id: "permission-order",
  reason:
    "Several statements have no order, and what one of them denies is denied: an exception from it does not hold.",
  level: "error",
  *find({ graph }) {
    const reported = new Set<IntentionRecord>();
    for (const { statements, ofAny } of sourcesIn(graph)) {
      const all = [...statements, ...ofAny];
      const ordered = all.filter(({ permissions }) => allowsBeforeItDenies(permissions ?? []));
      const isKept = (each: IntentionRecord) =>
        ordered.length === 1 && statements.includes(each) && (!each.follows || all.every(({ follows }) => follows));
      const [{ source }] = statements;
      for (const intention of ordered.filter((each) => !isKept(each) && !reported.has(each))) {
        reported.add(intention);
        yield {
          at: intention.origin.path,
          problem: `The permissions of ${intention.source.service} on ${intention.destination} allow something before they deny, which does not hold next to other statements about ${source.service}.`,
          fix: "Put what is denied first, or list all permissions in one statement.",
        };
      }
    }
  },
};

/**
 * What is stated about each source of a destination, and what is stated there about any source; of those destinations of which some
 * statement has permissions.
 */
function* sourcesIn(graph: Snapshot): Iterable<{
  readonly statements: readonly [IntentionRecord, ...IntentionRecord[]];
  readonly ofAny: readonly IntentionRecord[];
}> {
  for (const cluster of graph.clusters) {
    const groups = new Map<string, [IntentionRecord, ...IntentionRecord[]]>();
    const keyOf = ({ destination, source }: IntentionRecord, name: string) =>
      [destination, source.peer ?? "", name].join("/");
    const all = cluster.hasPermissions ? [...cluster.intentions, ...cluster.derivedIntentions] : [];
    const judged = new Set(
      all.filter(({ permissions }) => permissions !== undefined).map(({ destination }) => destination),
    );
    for (const intention of all.filter(({ destination }) => judged.has(destination))) {
      const key = keyOf(intention, intention.source.service);
      const group = groups.get(key);
      if (group === undefined) {
        groups.set(key, [intention]);
      } else {
        group.push(intention);
      }
    }
    for (const statements of groups.values()) {
      const [first] = statements;
      const isAny = first.source.service === ANY_SERVICE;
      yield { statements, ofAny: isAny ? [] : (groups.get(keyOf(first, ANY_SERVICE)) ?? []) };
    }
  }
}

const wildcardAllow: Check = {
  id: "wildcard-allow",
  reason: "An attacker who controls any service of the mesh then reaches this one too.",
  level: "error",
  *find({ graph }) {
    for (const { origin, source, destination } of graph.data.intentions) {
      if (source.service === ANY_SERVICE) {
        yield {
          at: origin.path,
          problem: `Every service may reach ${destination}.`,
          fix: 'Name the services that need it; or, where that is meant, silence(…, "wildcard-allow", "why").',
        };
      }
    }
  },
};

export const intentionChecks: readonly Check[] = [
  httpRuleOnTcp,
  noPermissions,
  conflictingIntention,
  permissionOrder,
  wildcardAllow,
];
