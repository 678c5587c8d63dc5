import type * as consul from "./generated/config-entries";
import { HttpPermission } from "./http-permission";
import { tenancyFields, type Tenancy } from "./tenancy";

/** Name of any service in an intention. */
export const ANY_SERVICE = "*";

/** A statement about the access of a source. */
export interface IntentionSource {
  readonly name: string;
  /** The requests that are allowed or denied. @default all: the intention applies to connections instead of requests */
  readonly permissions?: readonly HttpPermission[];
  /** Whether all connections and requests are denied. @default false */
  readonly isDenied?: boolean;
  /** @default none */
  readonly description?: string;
  /** Cluster peer from which the source comes. @default the same cluster */
  readonly peer?: string;
  /** Partition and namespace from which the source comes. @default those of the destination */
  readonly tenancy?: Tenancy;
  /** Whether it is derived from traffic rules. It then applies only if nothing was stated for the service itself. @default false */
  readonly follows?: boolean;
}

/** Consul computes the precedence of an intention from how exactly it names its destination and its source. */
const PRECEDENCE = { service: { exact: 9, wildcard: 8 }, wildcard: { exact: 6, wildcard: 5 } };

/** What a destination requires of all requests, and what it is. */
export interface IntentionDestination {
  /** Whether it is any service. @default false */
  readonly isWildcard?: boolean;
  /** A token that each request needs. @default none */
  readonly jwt?: consul.IntentionJWTRequirement;
}

/**
 * Renders the sources of one destination. Order, precedence and type are those that Consul returns, so that later plans show no
 * difference.
 */
export function renderServiceIntentions(
  sources: readonly IntentionSource[],
  { isWildcard = false, jwt }: IntentionDestination = {},
): Omit<consul.ServiceIntentionsConfigEntry, "Kind" | "Name"> | undefined {
  if (sources.length === 0) {
    return undefined;
  }
  const precedence = PRECEDENCE[isWildcard ? "wildcard" : "service"];
  const rendered = mergeBySource(sources).map((source): consul.SourceIntention => ({
    Name: source.name,
    Peer: source.peer,
    ...tenancyFields(source.tenancy),
    Action: source.permissions === undefined ? (source.isDenied === true ? "deny" : "allow") : undefined,
    Permissions: source.permissions?.flatMap((permission) => permission.rendered),
    Precedence: source.name === ANY_SERVICE ? precedence.wildcard : precedence.exact,
    Type: "consul",
    Description: source.description,
  }));
  return { Sources: rendered.sort(byRankThenName), ...(jwt && { JWT: jwt }) };
}

/**
 * Merges the statements about each source, because Consul accepts a source only once and evaluates only the entry that names it
 * most exactly. The result does not depend on the order of the statements. The allowed requests are those that were stated for
 * the service itself, or otherwise those derived from traffic rules. Requests that any statement denies are denied, including
 * those denied to any service.
 */
function mergeBySource(sources: readonly IntentionSource[]): IntentionSource[] {
  const bySource = groupBySource(sources);
  const isPlain = sources.every(({ name, permissions }) => permissions === undefined && name !== ANY_SERVICE);
  return [...bySource.values()].map((exact) => {
    const [{ name, peer, tenancy }] = exact;
    const source = { name, peer, tenancy };
    if (isDenied(exact)) {
      return { ...source, isDenied: true, description: descriptionOf(exact) };
    }
    if (isPlain) {
      return { ...source, description: descriptionOf(exact) };
    }
    const any = name === ANY_SERVICE ? [] : (bySource.get(keyOf({ ...source, name: ANY_SERVICE })) ?? []);
    // An exact source takes precedence over any source that is denied.
    const ofAny = isDenied(any) ? [] : any;
    const stated = [exact, ofAny].map((statements) => statements.filter(({ follows }) => follows !== true));
    const allowed = stated.find((statements) => statements.length > 0) ?? exact;
    const denying = [...exact, ...ofAny].filter((statement) => !allowed.includes(statement));
    return {
      ...source,
      permissions: mergePermissions(
        allowed.map(({ permissions }) => permissions),
        denying.map(({ permissions = [] }) => permissions.filter(isDeny)),
      ),
      description: descriptionOf(exact),
    };
  });
}

/** Whether statements deny everything to a source. Those for the service itself take precedence over those derived from traffic rules. */
function isDenied(statements: readonly IntentionSource[]): boolean {
  const stated = statements.filter(({ follows }) => follows !== true);
  return (stated.length > 0 ? stated : statements).some((statement) => statement.isDenied === true);
}

/** Combines the descriptions of all statements, sorted. */
function descriptionOf(statements: readonly IntentionSource[]): string | undefined {
  const texts = new Set(statements.flatMap(({ description }) => description ?? []));
  return texts.size === 0 ? undefined : [...texts].sort().join(" ");
}

/**
 * Merges permissions: allows everything that some statements allow, except for what any of them denies, and only with a token where any of
 * them requires one. So what is stricter comes first: denials, then permissions with a token. The order is kept if only one statement has an
 * exception before something stricter. If several statements do, no order is correct for all, so what is stricter comes first there too.
 *
 * @param statements the permissions of each statement; `undefined` if it allows everything
 * @param denied what other statements deny
 * @returns `undefined` if everything is allowed
 */
function mergePermissions(
  statements: readonly IntentionSource["permissions"][],
  denied: readonly (readonly HttpPermission[])[],
): readonly HttpPermission[] | undefined {
  const all = statements.map((permissions) => permissions ?? [EVERYTHING]).sort(byText);
  const ordered = all.filter(hasExceptions);
  const [kept] = ordered.length === 1 ? ordered : [[]];
  const others = all.filter((permissions) => permissions !== kept).flat();
  const denies = distinct([...[...denied].sort(byText).flat(), ...others.filter(isDeny)]);
  const allows = distinct(others.filter((it) => !isDeny(it)).sort((one, other) => strictness(other) - strictness(one)));
  const allowsEverything = statements.includes(undefined) && denies.length + kept.length === 0;
  return allowsEverything ? undefined : [...denies, ...kept, ...allows];
}

/** @internal Any request, in the form that Consul accepts next to permissions that deny. */
export const EVERYTHING = HttpPermission.allow({ pathPrefix: "/" });

/** @internal Whether a permission comes before a stricter one, and so can be an exception from it: the order of the permissions matters. */
export function hasExceptions(permissions: readonly HttpPermission[]): boolean {
  return permissions.some((one, index) => permissions.slice(index).some((it) => strictness(it) > strictness(one)));
}

/** How much a permission restricts the requests that it matches: it denies them, requires a token, or allows them. */
function strictness(permission: HttpPermission): number {
  return isDeny(permission) ? 2 : permission.tokens.length > 0 ? 1 : 0;
}

/** @internal */
export function isDeny({ action }: HttpPermission): boolean {
  return action === "deny";
}

function groupBySource(sources: readonly IntentionSource[]): Map<string, [IntentionSource, ...IntentionSource[]]> {
  const groups = new Map<string, [IntentionSource, ...IntentionSource[]]>();
  for (const source of sources) {
    const group = groups.get(keyOf(source));
    if (group === undefined) {
      groups.set(keyOf(source), [source]);
    } else {
      group.push(source);
    }
  }
  return groups;
}

function keyOf({ name, peer = "", tenancy = {} }: Pick<IntentionSource, "name" | "peer" | "tenancy">): string {
  return [peer, tenancy.partition, tenancy.namespace, name].join("/");
}

function distinct(permissions: readonly HttpPermission[]): HttpPermission[] {
  return [...new Map(permissions.map((permission) => [JSON.stringify(permission.rendered), permission])).values()];
}

/** Makes the result independent of the order of the statements. */
function byText(left: readonly HttpPermission[], right: readonly HttpPermission[]): number {
  const [one, other] = [left, right].map((permissions) => JSON.stringify(permissions.map(({ rendered }) => rendered)));
  return compare(one, other);
}

function byRankThenName(left: consul.SourceIntention, right: consul.SourceIntention): number {
  return (
    (right.Precedence ?? 0) - (left.Precedence ?? 0) ||
    compare(left.Name ?? "", right.Name ?? "") ||
    compare(left.Peer ?? "", right.Peer ?? "") ||
    compare(left.Partition ?? "", right.Partition ?? "") ||
    compare(left.Namespace ?? "", right.Namespace ?? "")
  );
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
