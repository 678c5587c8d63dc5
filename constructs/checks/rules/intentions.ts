import { Protocol } from "../../consul/protocol";
import { allowsBeforeItDenies, ANY_SERVICE, isDeny } from "../../consul/service-intentions";
import { describe } from "../../core/errors";
import type { Intention } from "../../mesh/intention";
import type { ServiceMesh } from "../../mesh/service-mesh";
import type { Check } from "../check";

const httpRuleOnTcp: Check = {
  id: "http-rule-on-tcp",
  reason: "Envoy sees no requests in a tcp stream, and Consul refuses the intention.",
  level: "error",
  *find({ meshes }) {
    for (const mesh of meshes) {
      for (const { scope, destinationName, sourceName, options } of mesh.intentions) {
        const destination = mesh.findService(destinationName);
        if (options.permissions !== undefined && destination?.protocol === Protocol.TCP) {
          yield {
            construct: scope,
            problem: `The permissions of ${sourceName} on ${destinationName} are about HTTP requests, but ${destinationName} speaks tcp.`,
            fix: `Set protocol: Protocol.HTTP (or HTTP2, GRPC) at ${describe(destination)}, or leave the permissions away.`,
          };
        }
      }
    }
  },
};

const noPermissions: Check = {
  id: "no-permissions",
  reason: "An empty list of permissions denies everything, where leaving it away allows everything.",
  level: "error",
  *find({ meshes }) {
    for (const { scope, sourceName, destinationName, options } of meshes.flatMap((mesh) => mesh.intentions)) {
      if (options.permissions?.length === 0) {
        yield {
          construct: scope,
          problem: `The permissions of ${sourceName} on ${destinationName} are an empty list.`,
          fix: "List what it may ask, or leave permissions away to allow everything.",
        };
      }
    }
  },
};

const conflictingIntention: Check = {
  id: "conflicting-intention",
  reason: "A source is in an entry once: what is allowed wholly makes permissions that allow less void.",
  level: "error",
  *find({ meshes }) {
    for (const { statements } of sourcesIn(meshes)) {
      const stated = statements.filter(({ follows }) => !follows);
      const whole = stated.filter(({ options }) => options.permissions === undefined);
      const partial = stated.filter(({ options }) => options.permissions?.some((permission) => !isDeny(permission)));
      const last = stated.filter((each) => whole.includes(each) || partial.includes(each)).at(-1);
      if (whole.length > 0 && partial.length > 0 && last !== undefined) {
        yield {
          construct: last.scope,
          problem: `${last.sourceName} may reach ${last.destinationName} both wholly and by permissions.`,
          fix: "Keep one of the two; next to the whole, permissions can only deny.",
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
  *find({ meshes }) {
    const reported = new Set<Intention>();
    for (const { statements, ofAny } of sourcesIn(meshes)) {
      const all = [...statements, ...ofAny];
      const ordered = all.filter(({ options }) => allowsBeforeItDenies(options.permissions ?? []));
      const isKept = (each: Intention) =>
        ordered.length === 1 && statements.includes(each) && (!each.follows || all.every(({ follows }) => follows));
      const [{ sourceName }] = statements;
      for (const intention of ordered.filter((each) => !isKept(each) && !reported.has(each))) {
        reported.add(intention);
        yield {
          construct: intention.scope,
          problem: `The permissions of ${intention.sourceName} on ${intention.destinationName} allow something before they deny, which does not hold next to other statements about ${sourceName}.`,
          fix: "Put what is denied first, or list all permissions in one statement.",
        };
      }
    }
  },
};

/** What is stated about each source of each destination, and what is stated there about any source. */
function* sourcesIn(
  meshes: readonly ServiceMesh[],
): Iterable<{ readonly statements: readonly [Intention, ...Intention[]]; readonly ofAny: readonly Intention[] }> {
  for (const mesh of meshes) {
    const groups = new Map<string, [Intention, ...Intention[]]>();
    const keyOf = ({ destinationName, options }: Intention, name: string) =>
      [destinationName, options.peer ?? "", name].join("/");
    for (const intention of [...mesh.intentions, ...[...mesh.followedIntentions.values()].flat()]) {
      const key = keyOf(intention, intention.sourceName);
      const group = groups.get(key);
      if (group === undefined) {
        groups.set(key, [intention]);
      } else {
        group.push(intention);
      }
    }
    for (const statements of groups.values()) {
      const [first] = statements;
      yield { statements, ofAny: first.isWildcard ? [] : (groups.get(keyOf(first, ANY_SERVICE)) ?? []) };
    }
  }
}

const wildcardAllow: Check = {
  id: "wildcard-allow",
  reason: "Whoever gets any service of the mesh then gets this one too.",
  level: "error",
  *find({ meshes }) {
    for (const { scope, destinationName, isWildcard } of meshes.flatMap((mesh) => mesh.intentions)) {
      if (isWildcard) {
        yield {
          construct: scope,
          problem: `Every service may reach ${destinationName}.`,
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
