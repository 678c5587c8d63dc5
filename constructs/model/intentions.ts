import type * as consul from "../consul/generated/config-entries";
import { ANY_SERVICE } from "../consul/service-intentions";
import type { ConfigEntries } from "./config-entries";
import { fitsRequest, type HttpRequest } from "./http-request";

/** A service that asks to be let in. One of a cluster peer is not the one of the same name here. */
export interface Source {
  readonly service: string;
  /** What the destination's cluster calls the cluster of the source. @default the same cluster */
  readonly peer?: string;
}

/** The intention that decides about a source and a destination. */
export interface Intention {
  /** As it names the source: its name, or the wildcard. */
  readonly source: string;
  /** As it names the destination. */
  readonly destination: string;
  readonly rule: consul.SourceIntention;
  /** A token that every request needs, whatever the rule says. @default none */
  readonly jwt?: consul.IntentionJWTRequirement;
}

/** What an intention lets a source do. */
export type Allowed = "all" | "some requests" | "no";

/** What is decided about a source and a destination, and by what. */
export interface Decision {
  readonly allowed: Allowed;
  /** @default none: the default of the mesh decides, which is to deny */
  readonly intention?: Intention;
  /** One sentence, without a full stop. */
  readonly reason: string;
}

/**
 * The intention that counts. Exact names go before wildcards, the destination's first; the others are not asked then. The
 * names of peers have no wildcards.
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
 * Decides whether a source may reach a destination, as the Envoy of the destination does.
 *
 * @param request decide about this request @default about any: some may be allowed and others not
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
      : { allowed: "some requests", intention, reason: `${name} allows requests with a token` };
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
  return JWT === undefined && intention.jwt === undefined
    ? { allowed: "all", intention, reason: `${which} allows it` }
    : { allowed: "some requests", intention, reason: `${which} allows it with a token` };
}

function nameOf({ service, peer }: Source): string {
  return peer === undefined || peer === "" ? service : `${service} of the peer ${peer}`;
}

function sameName(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
