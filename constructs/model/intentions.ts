import type * as consul from "../consul/generated/config-entries";
import { tokenPhrase } from "../consul/jwt-requirement";
import { ANY_SERVICE } from "../consul/service-intentions";
import type { ConfigEntries } from "./config-entries";
import { fitsRequest, type HttpRequest } from "./http-request";

/** A source service. A service of a cluster peer is not the service of the same name in this cluster. */
export interface Source {
  readonly service: string;
  /** The name of the source's cluster in the cluster of the destination. @default the same cluster */
  readonly peer?: string;
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
 * intention is evaluated. Names of peers have no wildcards.
 *
 * @see https://developer.hashicorp.com/consul/docs/secure-mesh/intention#precedence-and-match-order
 */
export function findIntention(
  entries: ConfigEntries | undefined,
  { service, peer = "" }: Source,
  destination: string,
): Intention | undefined {
  for (const to of [destination, ANY_SERVICE]) {
    const { Sources, JWT } = entries?.find("service-intentions", to) ?? {};
    for (const from of [service, ANY_SERVICE]) {
      const rule = Sources?.find(({ Name = "", Peer }) => sameName(Name, from) && (Peer ?? "") === peer);
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

function nameOf({ service, peer }: Source): string {
  return peer === undefined || peer === "" ? service : `${service} of the peer ${peer}`;
}

function sameName(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
