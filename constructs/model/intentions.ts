import type * as consul from "../consul/generated/config-entries";
import { tokenPhrase } from "../consul/jwt-requirement";
import { ANY_SERVICE } from "../consul/service-intentions";
import {
  DEFAULT_TENANCY,
  isSameTenancy,
  namespaceOf,
  partitionOf,
  tenancyIn,
  tenancyText,
  type Tenancy,
} from "../consul/tenancy";
import type { ConfigEntries } from "./config-entries";
import { fitsRequest, type HttpRequest } from "./http-request";

/** A source service. A service of a cluster peer is not the service of the same name in this cluster. */
export interface Source {
  readonly service: string;
  /** The name of the source's cluster in the cluster of the destination. @default the same cluster */
  readonly peer?: string;
  /** Partition and namespace of the source. @default those of the destination */
  readonly tenancy?: Tenancy;
  /** Partition and namespace of the destination. @default the default ones */
  readonly at?: Tenancy;
}

/** The intention that applies to a source and a destination. */
export interface Intention {
  /** Name of the source in the intention: the service or the wildcard. */
  readonly source: string;
  /** Name of the destination in the intention. */
  readonly destination: string;
  readonly rule: consul.SourceIntention;
  /** A token that every request needs, independent of the rule. @default none */
  readonly jwt?: consul.IntentionJWTRequirement;
}

/** What an intention allows for a source. */
export type Allowed = "all" | "some requests" | "no";

/** The result for a source and a destination, and its reason. */
export interface Decision {
  readonly allowed: Allowed;
  /** The intention that applies. @default none: the default of the mesh applies, which is to deny */
  readonly intention?: Intention;
  /** One sentence, without a full stop. */
  readonly reason: string;
}

/**
 * Returns the intention that applies. Exact names take precedence over wildcards, that of the destination first; only this
 * intention is evaluated. Names of peers and partitions have no wildcards; intentions for all namespaces come last, and those whose
 * destination is in all namespaces are not known here.
 *
 * @see https://developer.hashicorp.com/consul/docs/secure-mesh/intention#precedence-and-match-order
 */
export function findIntention(
  entries: ConfigEntries | undefined,
  { service, peer = "", at = DEFAULT_TENANCY, tenancy = at }: Source,
  destination: string,
): Intention | undefined {
  for (const to of [destination, ANY_SERVICE]) {
    const { Sources, JWT } = entries?.find("service-intentions", to) ?? {};
    const candidates = (Sources ?? []).filter(
      ({ Peer, Partition, Namespace }) =>
        (Peer ?? "") === peer && fitsTenancy(tenancyIn({ Partition, Namespace }, at), tenancy, peer),
    );
    for (const [from, isAnywhere] of [
      [service, false],
      [ANY_SERVICE, false],
      [ANY_SERVICE, true],
    ] as const) {
      const rule = candidates.find(
        ({ Name = "", Namespace }) => sameName(Name, from) && (Namespace === ANY_SERVICE) === isAnywhere,
      );
      if (rule !== undefined) {
        return { source: from, destination: to, rule, ...(JWT && { jwt: JWT }) };
      }
    }
  }
  return undefined;
}

/**
 * Returns whether a source can reach a destination, as the Envoy of the destination decides it.
 *
 * @param request evaluate this request
 * @default any request: some can be allowed and others denied
 */
export function decide(
  entries: ConfigEntries | undefined,
  source: Source,
  destination: string,
  request?: HttpRequest,
): Decision {
  const intention = findIntention(entries, source, destination);
  if (intention === undefined) {
    return {
      allowed: "no",
      reason: `no intention allows ${nameOf(source)} to reach ${destination}, and the mesh denies by default`,
    };
  }
  const { rule } = intention;
  const name = `the intention ${intention.source} → ${intention.destination}`;
  const permissions = rule.Permissions ?? [];
  if (permissions.length === 0) {
    if (rule.Action !== "allow") {
      return { allowed: "no", intention, reason: `${name} denies it` };
    }
    return intention.jwt === undefined
      ? { allowed: "all", intention, reason: `${name} allows it` }
      : { allowed: "some requests", intention, reason: `${name} allows requests with ${tokenPhrase(intention.jwt)}` };
  }
  if (request === undefined) {
    return permissions.some(({ Action }) => Action === "allow")
      ? { allowed: "some requests", intention, reason: `${name} allows some requests` }
      : { allowed: "no", intention, reason: `${name} has no permission that allows anything` };
  }
  const index = permissions.findIndex(({ HTTP }) => fitsRequest(HTTP, request));
  if (index < 0) {
    return { allowed: "no", intention, reason: `no permission of ${name} matches the request` };
  }
  const { Action, JWT } = permissions[index];
  const which = `permission ${index + 1} of ${name}`;
  if (Action !== "allow") {
    return { allowed: "no", intention, reason: `${which} denies it` };
  }
  const tokens = [intention.jwt, JWT].flatMap((requirement) => (requirement ? tokenPhrase(requirement) : []));
  return tokens.length === 0
    ? { allowed: "all", intention, reason: `${which} allows it` }
    : { allowed: "some requests", intention, reason: `${which} allows it with ${tokens.join(" and ")}` };
}

/** Partitions of a peer are not visible. */
function fitsTenancy(rule: Tenancy, source: Tenancy, peer: string): boolean {
  const isThere = namespaceOf(rule) === ANY_SERVICE || namespaceOf(rule) === namespaceOf(source);
  return isThere && (peer !== "" || partitionOf(rule) === partitionOf(source));
}

function nameOf({ service, peer, at = DEFAULT_TENANCY, tenancy = at }: Source): string {
  const isElsewhere = !isSameTenancy(tenancy, at);
  if (peer !== undefined && peer !== "") {
    return `${service} of the peer ${peer}`;
  }
  return isElsewhere ? `${service} of ${tenancyText(tenancy)}` : service;
}

function sameName(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
