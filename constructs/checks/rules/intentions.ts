import { Protocol } from "../../consul/protocol";
import { describe } from "../../errors";
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
  reason: "A source is in an entry once: what is allowed wholly makes the permissions void.",
  level: "error",
  *find({ meshes }) {
    for (const mesh of meshes) {
      const wholly = new Map<string, boolean>();
      for (const { scope, sourceName, destinationName, options } of mesh.intentions) {
        const key = `${options.peer ?? ""}/${sourceName}/${destinationName}`;
        const isWhole = options.permissions === undefined;
        if (wholly.get(key) === !isWhole) {
          yield {
            construct: scope,
            problem: `${sourceName} may reach ${destinationName} both wholly and by permissions.`,
            fix: "Keep one of the two.",
          };
        }
        wholly.set(key, isWhole);
      }
    }
  },
};

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

export const intentionChecks: readonly Check[] = [httpRuleOnTcp, noPermissions, conflictingIntention, wildcardAllow];
