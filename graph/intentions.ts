import type * as consul from "../constructs/consul/generated/config-entries";
import type { EntryDocument } from "./documents";
import type { Permission } from "./model";
import type { Peerings } from "./peerings";
import { permissionPhrase, providersPhrase } from "./phrases";

export const WILDCARD = "*";

/** Whom an intention lets in. One from a peer is not one from here, even if they bear the same name. */
export interface IntentionSource {
  readonly source: string;
  /** Peer from which the source comes. @default the same cluster */
  readonly peer?: string;
}

/** One rule: whom a source may reach. */
export interface IntentionRule extends IntentionSource {
  readonly datacenter?: string;
  readonly destination: string;
  readonly permission: Permission;
}

/** All intentions of an app. */
export class Intentions {
  readonly rules: readonly IntentionRule[];
  private readonly byPair: ReadonlyMap<string, readonly IntentionRule[]>;

  constructor(
    entries: readonly EntryDocument[],
    private readonly peerings: Peerings,
  ) {
    this.rules = entries.flatMap(({ entry, datacenter }) =>
      entry.Kind === "service-intentions" ? rulesOf(entry, datacenter) : [],
    );
    const byPair = new Map<string, IntentionRule[]>();
    for (const rule of this.rules) {
      const key = keyOf(rule, rule.destination);
      const rules = byPair.get(key);
      if (rules) rules.push(rule);
      else byPair.set(key, [rule]);
    }
    this.byPair = byPair;
  }

  /**
   * The rule that decides in the destination's datacenter. Exact names go before wildcards, the destination's first: Consul's
   * own order. Names of peers have no wildcards.
   */
  find({ source, peer }: IntentionSource, destination: string, datacenter: string | undefined) {
    const pairs = [
      [source, destination],
      [WILDCARD, destination],
      [source, WILDCARD],
      [WILDCARD, WILDCARD],
    ] as const;
    for (const [from, to] of pairs) {
      const rules = this.byPair.get(keyOf({ source: from, peer }, to)) ?? [];
      const rule = rules.find((it) => it.datacenter === datacenter) ?? this.replicated(rules, datacenter);
      if (rule) return rule;
    }
    return undefined;
  }

  /** Entries are replicated among federated datacenters, so a rule also holds in those that do not say otherwise. */
  private replicated(rules: readonly IntentionRule[], datacenter: string | undefined): IntentionRule | undefined {
    return rules.find((rule) => rule.peer === undefined && !this.peerings.join(rule.datacenter, datacenter));
  }
}

function rulesOf(
  { Name = "", Sources, JWT }: consul.ServiceIntentionsConfigEntry,
  datacenter: string | undefined,
): IntentionRule[] {
  return (Sources ?? []).map((source) => ({
    datacenter,
    source: source.Name ?? "",
    peer: source.Peer || undefined,
    destination: Name,
    permission: permissionOf(source, JWT, [source.Name, Name].includes(WILDCARD)),
  }));
}

function permissionOf(
  { Action, Permissions, Description }: consul.SourceIntention,
  jwt: consul.IntentionJWTRequirement | undefined,
  wildcard: boolean,
): Permission {
  const rules = [
    ...(jwt ? [`only with a token of ${providersPhrase(jwt)}`] : []),
    ...(Permissions ?? []).map(permissionPhrase),
  ];
  const partly = rules.length > 0;
  return {
    allowed: Permissions?.length ? "some requests" : Action !== "allow" ? "no" : partly ? "some requests" : "all",
    ...(partly && { rules }),
    ...(Description && { description: Description }),
    ...(wildcard && { wildcard }),
  };
}

function keyOf({ source, peer }: IntentionSource, destination: string): string {
  return JSON.stringify([source, peer, destination]);
}
