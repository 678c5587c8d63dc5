import type * as consul from "./generated/config-entries";
import type { HttpPermission } from "./http-permission";

/** Stands for any service in an intention. */
export const ANY_SERVICE = "*";

/** What one source may do. */
export interface IntentionSource {
  readonly name: string;
  /** @default everything: the intention decides on connections, not on requests */
  readonly permissions?: readonly HttpPermission[];
  /** @default none */
  readonly description?: string;
  /** Cluster peer from which the source comes. @default the same cluster */
  readonly peer?: string;
}

/** Consul ranks an intention by how exactly it names its source; the destination is always exact here. */
const PRECEDENCE = { exact: 9, wildcard: 8 };

/**
 * Gathers the sources of one destination. Order, rank and type are as Consul itself writes them, so that a later plan
 * finds no difference.
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
    Action: source.permissions === undefined ? "allow" : undefined,
    Permissions: source.permissions?.map((permission) => permission.rendered),
    Precedence: source.name === ANY_SERVICE ? PRECEDENCE.wildcard : PRECEDENCE.exact,
    Type: "consul",
    Description: source.description,
  }));
  return { Sources: rendered.sort(byRankThenName) };
}

/** Consul takes a source once: what several connections allow it counts together. */
function mergeBySource(sources: readonly IntentionSource[]): IntentionSource[] {
  const merged = new Map<string, IntentionSource>();
  for (const source of sources) {
    const key = `${source.peer ?? ""}/${source.name}`;
    const earlier = merged.get(key);
    merged.set(key, earlier === undefined ? source : { ...earlier, permissions: bothPermissions(earlier, source) });
  }
  return [...merged.values()];
}

function bothPermissions(left: IntentionSource, right: IntentionSource): readonly HttpPermission[] | undefined {
  return left.permissions && right.permissions && [...left.permissions, ...right.permissions];
}

function byRankThenName(left: consul.SourceIntention, right: consul.SourceIntention): number {
  return (right.Precedence ?? 0) - (left.Precedence ?? 0) || compare(left.Name ?? "", right.Name ?? "");
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
