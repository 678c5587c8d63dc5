import type { HttpPermission, PermissionMatch } from "../../consul/http-permission";
import type { RequestNormalization } from "../../consul/mesh-config";
import { EVERYTHING, isDeny } from "../../consul/service-intentions";
import { sourceKeyOf } from "../../model/cluster";
import type { IntentionRecord } from "../../model/records";
import { append } from "../../core/collections";
import type { Check } from "../check";
import { keysOfDestination } from "./records";

const permissionPath: Check = {
  id: "permission-path",
  reason: "Consul refuses a permission with several paths, or with a path that does not begin with a slash.",
  level: "error",
  *find({ graph }) {
    for (const intention of graph.clusters.flatMap(({ intentions }) => intentions)) {
      const { origin, source, destination, permissions } = intention;
      const alsoAbout = keysOfDestination(graph, intention);
      for (const { match } of permissions ?? []) {
        const given = pathsIn(match);
        const [first] = given;
        const about = `A permission of ${source.service} on ${destination}`;
        if (given.length > 1) {
          yield {
            at: origin.path,
            problem: `${about} has ${given.map(([kind]) => kind).join(" and ")}.`,
            fix: "Set one of them, or use several permissions.",
            alsoAbout,
          };
        } else if (given.length === 1 && first[0] !== "pathRegex" && !first[1].startsWith("/")) {
          yield {
            at: origin.path,
            problem: `${about} has the ${first[0]} "${first[1]}", which does not begin with a slash.`,
            fix: `Write "/${first[1]}".`,
            alsoAbout,
          };
        }
      }
    }
  },
};

const denyBeforeAllow: Check = {
  id: "deny-before-allow",
  reason:
    "A deny before an allow is only safe if Envoy and the application interpret paths, methods and headers in the same way.",
  level: "warning",
  *find({ graph }) {
    for (const cluster of graph.clusters) {
      const statements = new Map<string, IntentionRecord[]>();
      for (const intention of cluster.hasPermissions ? [...cluster.intentions, ...cluster.derivedIntentions] : []) {
        append(statements, keyOf(intention), intention);
      }
      for (const intention of cluster.hasPermissions ? cluster.intentions : []) {
        const { origin, source, destination, permissions } = intention;
        if (permissions?.some(isDeny) !== true) {
          continue;
        }
        const elsewhere = (statements.get(keyOf(intention)) ?? [])
          .filter((other) => other.permissions !== permissions)
          .flatMap((other) => other.permissions ?? [EVERYTHING]);
        const isOutside = cluster.find(destination)?.kind === "external service";
        for (const [index, denied] of permissions.entries()) {
          const allowed = [...permissions.slice(index), ...elsewhere].filter((it) => !isDeny(it));
          if (isDeny(denied) && allowed.some((permission) => isCarvedOut(denied, permission))) {
            yield {
              at: origin.path,
              problem: `The permissions of ${source.service} on ${destination} deny ${inWords(denied.match)}, and allow others. Envoy may allow requests that the application treats like the denied ones: ${whatRemains(denied.match, isOutside)}.`,
              fix: 'Allow only what is needed, without a deny. If the application is strict, silence(…, "deny-before-allow", "why").',
            };
          }
        }
      }
    }
  },
};

const requestNormalization: Check = {
  id: "request-normalization",
  reason:
    "Permissions apply to the path and headers as Envoy reads them; if the application reads them differently, requests bypass them.",
  level: "warning",
  *find({ graph }) {
    for (const mesh of graph.data.meshes.values()) {
      if (!graph.clusterOf(mesh.key).hasPermissions) {
        continue;
      }
      if (!mesh.ownsMeshConfig) {
        yield {
          at: mesh.key,
          problem:
            "It has permissions on requests, but another owner writes the config entry `mesh`, which must enable request normalization.",
          fix: 'Make sure that HTTP.Incoming.RequestNormalization is set there, then silence(…, "request-normalization", "who owns it").',
        };
        continue;
      }
      const gaps = gapsOf(graph.requestNormalizationOf(mesh.key));
      if (gaps.length > 0) {
        yield {
          at: mesh.key,
          problem: `It has permissions on requests, which can be bypassed by ${gaps.join(", ")}: its requestNormalization does not cover them.`,
          fix: 'Enable it. If services need it off, allow only exact paths and silence(…, "request-normalization", "why").',
        };
      }
    }
  },
};

/** The key that statements about the same source and destination have in common. */
function keyOf({ source, destination }: IntentionRecord): string {
  return JSON.stringify([destination, sourceKeyOf(source)]);
}

/** Returns the descriptions of requests that bypass permissions. */
function gapsOf(normalization: Required<RequestNormalization> | undefined): string[] {
  const { mergeSlashes, pathWithEscapedSlashes, headersWithUnderscores, insecureDisablePathNormalization } =
    normalization ?? {};
  const keepsEscapes = [undefined, "KEEP_UNCHANGED", "IMPLEMENTATION_SPECIFIC_DEFAULT"].includes(
    pathWithEscapedSlashes,
  );
  return [
    ...(insecureDisablePathNormalization ? ["/../ and encoded letters"] : []),
    ...(mergeSlashes ? [] : ["//"]),
    ...(keepsEscapes ? ["%2F and %5C"] : []),
    ...((headersWithUnderscores ?? "ALLOW") === "ALLOW" ? ["headers with underscores"] : []),
  ];
}

/** Whether a request that an application treats as a denied one could be allowed. */
function isCarvedOut({ match: denied }: HttpPermission, { match: allowed }: HttpPermission): boolean {
  if (denied.methods && allowed.methods && !denied.methods.some((it) => isSameMethod(it, allowed.methods ?? []))) {
    return false;
  }
  const isByRegex = denied.pathRegex !== undefined || allowed.pathRegex !== undefined;
  const [deniedPath, allowedPath] = [denied, allowed].map(literalPathOf);
  const isWithin = deniedPath !== "/" && allowed.pathExact === undefined && deniedPath.startsWith(allowedPath);
  const isByMore = denied.headers !== undefined || (denied.methods !== undefined && allowed.methods === undefined);
  return (
    isByRegex || isWithin || (isByMore && (deniedPath.startsWith(allowedPath) || allowedPath.startsWith(deniedPath)))
  );
}

function isSameMethod(method: string, others: readonly string[]): boolean {
  return others.some((other) => other.toUpperCase() === method.toUpperCase());
}

function literalPathOf({ pathPrefix, pathExact, pathSeparatedPrefix }: PermissionMatch): string {
  return pathPrefix ?? pathExact ?? pathSeparatedPrefix ?? "/";
}

function whatRemains(denied: PermissionMatch, isOutside: boolean): string {
  return [
    ...(pathsIn(denied).length > 0
      ? [
          "a path in another case",
          "one with a parameter (;a=b)",
          "one that is encoded twice (%252F) or has other encoded characters (%3B, %C0%AF)",
        ]
      : []),
    ...(denied.pathExact !== undefined ? ["one that ends with a slash, a dot or a suffix"] : []),
    ...(denied.headers !== undefined
      ? ["a header that is missing, in another case or, with older Envoys, sent twice"]
      : []),
    ...(denied.methods !== undefined ? ["a method in another case"] : []),
    "values from the query or from X-HTTP-Method-Override",
    ...(isOutside ? ["at a terminating gateway also // and headers with underscores"] : []),
  ].join("; ");
}

function inWords(match: PermissionMatch): string {
  const path = pathsIn(match).map(([kind, path]) => `${kind} ${path}`);
  const headers = match.headers?.map(({ name }) => `header ${name}`) ?? [];
  return [...(match.methods ?? []), ...path, ...headers].join(", ") || "everything";
}

function pathsIn(match: PermissionMatch): [kind: string, path: string][] {
  const { pathPrefix, pathExact, pathRegex, pathSeparatedPrefix } = match;
  return Object.entries({ pathPrefix, pathExact, pathRegex, pathSeparatedPrefix }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
}

export const permissionChecks: readonly Check[] = [permissionPath, denyBeforeAllow, requestNormalization];
