import type * as consul from "./generated/config-entries";
import { HttpPermission } from "./http-permission";

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
  /** Whether it is derived from traffic rules. It then applies only if nothing was stated for the service itself. @default false */
  readonly follows?: boolean;
}

/** Consul computes the precedence of an intention from how exactly it names its source. The destination is always exact here. */
const PRECEDENCE = { exact: 9, wildcard: 8 };

/**
 * Renders the sources of one destination. Order, precedence and type are those that Consul returns, so that later plans show no
 * difference.
 */
export function renderServiceIntentions(
  sources: readonly IntentionSource[],
): Omit<consul.ServiceIntentionsConfigEntry, "Kind" | "Name"> | undefined {
  if (sources.length === 0) {
    return undefined;
  }
  const rendered = mergeBySource(sources).map((source): consul.SourceIntention => ({
    Name: source.name,
    Peer: source.peer,
    Action: source.permissions === undefined ? (source.isDenied === true ? "deny" : "allow") : undefined,
    Permissions: source.permissions?.flatMap((permission) => permission.rendered),
    Precedence: source.name === ANY_SERVICE ? PRECEDENCE.wildcard : PRECEDENCE.exact,
    Type: "consul",
    Description: source.description,
  }));
  return { Sources: rendered.sort(byRankThenName) };
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
    const [{ name, peer }] = exact;
    if (isDenied(exact)) {
      return { name, peer, isDenied: true, description: descriptionOf(exact) };
    }
    if (isPlain) {
      return { name, peer, description: descriptionOf(exact) };
    }
    const any = name === ANY_SERVICE ? [] : (bySource.get(keyOf({ name: ANY_SERVICE, peer })) ?? []);
    // An exact source takes precedence over any source that is denied.
    const ofAny = isDenied(any) ? [] : any;
    const stated = [exact, ofAny].map((statements) => statements.filter(({ follows }) => follows !== true));
    const allowed = stated.find((statements) => statements.length > 0) ?? exact;
    const denying = [...exact, ...ofAny].filter((statement) => !allowed.includes(statement));
    return {
      name,
      peer,
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
 * Merges permissions: allows everything that some statements allow, except for what any of them denies. The order is kept if only
 * one statement allows an exception before it denies. If several statements do, no order is correct for all, so their denials
 * come first too.
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
  const ordered = all.filter(allowsBeforeItDenies);
  const [kept] = ordered.length === 1 ? ordered : [[]];
  const others = all.filter((permissions) => permissions !== kept).flat();
  const denies = distinct([...[...denied].sort(byText).flat(), ...others.filter(isDeny)]);
  const allows = distinct(others.filter((permission) => !isDeny(permission)));
  const allowsEverything = statements.includes(undefined) && denies.length + kept.length === 0;
  return allowsEverything ? undefined : [...denies, ...kept, ...allows];
}

/** @internal Any request, in the form that Consul accepts next to permissions that deny. */
export const EVERYTHING = HttpPermission.allow({ pathPrefix: "/" });

/** @internal Whether the order of the permissions matters: a permission allows a part of what a later one denies. */
export function allowsBeforeItDenies(permissions: readonly HttpPermission[]): boolean {
  const first = permissions.findIndex((permission) => !isDeny(permission));
  return first >= 0 && permissions.slice(first).some(isDeny);
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

function keyOf({ name, peer = "" }: Pick<IntentionSource, "name" | "peer">): string {
  return `${peer}/${name}`;
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
    compare(left.Peer ?? "", right.Peer ?? "")
  );
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
