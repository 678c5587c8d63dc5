import { isSameTenancy, tenancyText } from "../constructs/consul/tenancy";
import { findIntention } from "../constructs/model/intentions";
import type { MeshDocuments } from "../lab/apply/documents";
import { intentionRules, permissionOf } from "./intentions";
import { datacenterOf, inPlaces, tenancyOf } from "./tenancies";
import { worldOf } from "./world";

/** Who may reach a service, where that changes. A name of `*` means every service. */
export interface AccessChange {
  readonly source: string;
  /** Peer from which the source comes. @default the same cluster */
  readonly peer?: string;
  /** Partition and namespace from which the source comes, such as `team-a/payments`. @default those of the destination */
  readonly from?: string;
  readonly destination: string;
  /** @default the only one of the app, which has no name */
  readonly datacenter?: string;
  readonly before: Access;
  readonly after: Access;
  /** Whether the source may do something that it may not do before. */
  readonly isWider: boolean;
}

/** What a source may do. */
export interface Access {
  readonly allowed: "all" | "some requests" | "no";
  /** The permissions in their order, such as `allow GET /v1/*`. Empty where `allowed` says it all. */
  readonly rules: readonly string[];
}

const NO_ACCESS: Access = { allowed: "no", rules: [] };

/**
 * Compares what the intentions of two syntheses decide, for each pair of a source and a destination that an intention of either
 * names. What has no intention of its own is decided by those of `*`, which have rows too.
 */
export function accessChanges(before: MeshDocuments, after: MeshDocuments): AccessChange[] {
  const [earlier, later] = [before, after].map(inPlaces);
  const [from, to] = [accessOf(earlier), accessOf(later)];
  const pairs = new Map(
    [...intentionRules(earlier.entries), ...intentionRules(later.entries)].map(
      ({ datacenter, source, peer, from: place, destination }) => {
        const isElsewhere = peer === undefined && !isSameTenancy(tenancyOf(place), tenancyOf(datacenter));
        const tenancy = isElsewhere ? { from: tenancyText(tenancyOf(place)) } : {};
        const pair = { source, ...(peer && { peer }), ...tenancy, destination, ...(datacenter && { datacenter }) };
        return [JSON.stringify([datacenter, destination, source, peer, tenancy.from]), pair];
      },
    ),
  );
  return [...pairs.keys()].sort().flatMap((key) => {
    const pair = pairs.get(key);
    if (pair === undefined) return [];
    const [then, now] = [from(pair), to(pair)];
    if (JSON.stringify(then) === JSON.stringify(now)) return [];
    return [{ ...pair, before: then, after: now, isWider: isWider(then, now) }];
  });
}

type Pair = Pick<AccessChange, "source" | "peer" | "from" | "destination" | "datacenter">;

function accessOf(documents: MeshDocuments): (pair: Pair) => Access {
  const { entries } = worldOf(documents);
  return ({ source, peer, from, destination, datacenter = "" }) => {
    const at = tenancyOf(datacenter);
    const tenancy = peer === undefined ? (from === undefined ? at : tenancyOf(from)) : tenancyOf(peer);
    const intention = findIntention(
      entries.get(datacenter),
      { service: source, peer: datacenterOf(peer), tenancy, at },
      destination,
    );
    if (intention === undefined) return NO_ACCESS;
    const { allowed, rules = [] } = permissionOf(intention);
    return { allowed: allowed === "unknown" ? "no" : allowed, rules };
  };
}

/** Permissions count in their order: what is denied before an allowance is not in it. So any new order may allow more. */
function isWider(before: Access, after: Access): boolean {
  if (after.allowed === "no" || before.allowed === "all") return false;
  if (before.allowed === "no" || after.allowed === "all") return true;
  const isLeftOver = (rules: readonly string[], others: readonly string[]) => {
    let next = 0;
    return rules.every((rule) => {
      const at = others.slice(next).findIndex((other) => isAtMost(rule, other));
      next += at + 1;
      return at >= 0;
    });
  };
  const denies = (rules: readonly string[]) => rules.filter((rule) => !rule.startsWith("allow "));
  const isAdded = (rule: string) => rule.startsWith(TOKEN_FOR_ALL) && !before.rules.includes(rule);
  const kept = after.rules.filter((rule) => !isAdded(rule));
  // Narrower for certain: some allowances are gone or need a token, and no condition is gone.
  return !(isLeftOver(kept, before.rules) && isLeftOver(denies(before.rules), after.rules));
}

/** How the rule begins that every request needs a token. */
const TOKEN_FOR_ALL = "only with ";

/** Whether a permission allows what another one does, or the same with a token. */
function isAtMost(rule: string, other: string): boolean {
  return rule === other || (rule.startsWith("allow ") && rule.startsWith(`${other} with a token of `));
}
