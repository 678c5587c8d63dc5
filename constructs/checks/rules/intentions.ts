import { Protocol } from "../../consul/protocol";
import { ANY_SERVICE, hasExceptions, isDeny } from "../../consul/service-intentions";
import { renderJwtRequirement } from "../../consul/jwt-requirement";
import { sourceKeyOf } from "../../model/cluster";
import type { IntentionRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import type { Check } from "../check";
import { describePath } from "../../core/errors";
import { keysOfDestination } from "./records";

const httpRuleOnTcp: Check = {
  id: "http-rule-on-tcp",
  reason: "With the protocol tcp Envoy does not parse requests, and Consul refuses the intention.",
  level: "error",
  *find({ graph }) {
    for (const cluster of graph.clusters) {
      for (const { origin, destination: name, source, permissions } of cluster.intentions) {
        const destination = cluster.findService(name);
        if (permissions !== undefined && destination?.protocol === Protocol.TCP) {
          yield {
            at: origin.path,
            problem: `The permissions of ${source.service} on ${name} apply to HTTP requests, but the protocol of ${name} is tcp.`,
            fix: `Set protocol: Protocol.HTTP (or HTTP2, GRPC) at ${describePath(destination.key)}, or omit the permissions.`,
          };
        }
      }
    }
  },
};

const noPermissions: Check = {
  id: "no-permissions",
  reason: "An empty list of permissions denies everything, while omitting it allows everything.",
  level: "error",
  *find({ graph }) {
    for (const intention of graph.clusters.flatMap(({ intentions }) => intentions)) {
      const { origin, source, destination, permissions } = intention;
      if (permissions?.length === 0) {
        yield {
          at: origin.path,
          problem: `The permissions of ${source.service} on ${destination} are an empty list.`,
          fix: "List the requests to allow, or omit permissions to allow everything.",
          alsoAbout: keysOfDestination(graph, intention),
        };
      }
    }
  },
};

const conflictingIntention: Check = {
  id: "conflicting-intention",
  reason:
    "An intention has each source once: access without permissions makes permissions that allow less ineffective.",
  level: "error",
  *find({ graph }) {
    for (const cluster of graph.clusters) {
      const denied = cluster.intentions.filter(({ isDenied }) => isDenied === true);
      for (const { source, destination, origin } of denied) {
        const isAllowed = cluster
          .statedFor(destination)
          .some((it) => it.isDenied !== true && sourceKeyOf(it.source) === sourceKeyOf(source));
        if (isAllowed) {
          yield {
            at: origin.path,
            problem: `${source.service} is both allowed to reach ${destination} and denied, so it is denied.`,
            fix: "Keep one of the two.",
          };
        }
      }
    }
    for (const { statements } of sourcesIn(graph)) {
      const stated = statements.filter(({ follows, isDenied }) => !follows && isDenied !== true);
      const whole = stated.filter(({ permissions }) => permissions === undefined);
      const partial = stated.filter(({ permissions }) => permissions?.some((permission) => !isDeny(permission)));
      const last = stated.filter((each) => whole.includes(each) || partial.includes(each)).at(-1);
      if (whole.length > 0 && partial.length > 0 && last !== undefined) {
        yield {
          at: last.origin.path,
          problem: `${last.source.service} can reach ${last.destination} both without and with permissions.`,
          fix: "Keep one of the two; next to access without permissions, permissions can only deny.",
          alsoAbout: keysOfDestination(graph, last),
        };
      }
    }
  },
};

const permissionOrder: Check = {
  id: "permission-order",
  reason:
    "Several declarations have no order, and what one of them denies is denied, so an exception from it has no effect.",
  level: "error",
  *find({ graph }) {
    const reported = new Set<IntentionRecord>();
    for (const { statements, ofAny } of sourcesIn(graph)) {
      const all = [...statements, ...ofAny];
      const ordered = all.filter(({ permissions }) => hasExceptions(permissions ?? []));
      const isKept = (each: IntentionRecord) =>
        ordered.length === 1 && statements.includes(each) && (!each.follows || all.every(({ follows }) => follows));
      const [{ source }] = statements;
      for (const intention of ordered.filter((each) => !isKept(each) && !reported.has(each))) {
        reported.add(intention);
        yield {
          at: intention.origin.path,
          problem: `The permissions of ${intention.source.service} on ${intention.destination} allow requests before they ${intention.permissions?.some(isDeny) ? "deny others" : "require a token for others"}, which has no effect next to other declarations for ${source.service}.`,
          fix: `Put the ${intention.permissions?.some(isDeny) ? "deny" : "token"} first, or list all permissions in one declaration.`,
        };
      }
      const requiring = statements.filter(({ permissions }) => permissions?.some(({ tokens }) => tokens.length > 0));
      const requirements = new Set(
        requiring.flatMap(({ permissions = [] }) =>
          permissions.flatMap(({ tokens }) => (tokens.length > 0 ? JSON.stringify(renderJwtRequirement(tokens)) : [])),
        ),
      );
      const last = requiring.at(-1);
      if (requiring.length > 1 && requirements.size > 1 && last !== undefined && !reported.has(last)) {
        yield {
          at: last.origin.path,
          problem: `Several declarations require different tokens of ${source.service} on ${last.destination}, and the first one that matches a request applies.`,
          fix: "List all permissions with tokens in one declaration.",
        };
      }
    }
  },
};

/**
 * Yields the statements about each source of a destination, and those about any source. Only destinations with permissions in a
 * statement are included.
 */
function* sourcesIn(graph: Snapshot): Iterable<{
  readonly statements: readonly [IntentionRecord, ...IntentionRecord[]];
  readonly ofAny: readonly IntentionRecord[];
}> {
  for (const cluster of graph.clusters) {
    const groups = new Map<string, [IntentionRecord, ...IntentionRecord[]]>();
    const keyOf = ({ destination, source }: IntentionRecord, name: string) =>
      `${destination}/${sourceKeyOf({ ...source, service: name })}`;
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
  reason: "An attacker who controls any service of the mesh can then reach this one too.",
  level: "error",
  *find({ graph }) {
    for (const { origin, source, destination, isDenied } of graph.clusters.flatMap(({ intentions }) => intentions)) {
      if (source.service === ANY_SERVICE && destination !== ANY_SERVICE && isDenied !== true) {
        yield {
          at: origin.path,
          problem: `Every service can reach ${destination}.`,
          fix: 'Allow only the services that need access. If this is intended, silence(…, "wildcard-allow", "why").',
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
