import type * as consul from "../constructs/consul/generated/config-entries";
import type { EntryDocument } from "./documents";
import type { Permission } from "./model";
import { permissionPhrase, providersPhrase } from "./phrases";

export const WILDCARD = "*";

/** One rule: whom a source may reach. */
export interface IntentionRule {
  readonly datacenter?: string;
  readonly source: string;
  /** Peer from which the source comes. @default the same cluster */
  readonly peer?: string;
  readonly destination: string;
  readonly permission: Permission;
}

/** All intentions of an app. */
export class Intentions {
  readonly rules: readonly IntentionRule[];
  private readonly byPair: ReadonlyMap<string, IntentionRule>;

  constructor(entries: readonly EntryDocument[]) {
    this.rules = entries.flatMap(({ entry, datacenter }) =>
      entry.Kind === "service-intentions" ? rulesOf(entry, datacenter) : [],
    );
    // Entries are replicated among federated datacenters, so a rule also holds in those that do not say otherwise.
    this.byPair = new Map(
      this.rules
        .filter(({ peer }) => peer === undefined)
        .reverse()
        .flatMap((rule): [string, IntentionRule][] =>
          [undefined, rule.datacenter].map((datacenter) => [keyOf(rule.source, rule.destination, datacenter), rule]),
        ),
    );
  }

  /** The rule that decides. Exact names go before wildcards, the destination's first: Consul's own order. */
  find(source: string, destination: string, datacenter: string | undefined): IntentionRule | undefined {
    const pairs = [
      [source, destination],
      [WILDCARD, destination],
      [source, WILDCARD],
      [WILDCARD, WILDCARD],
    ] as const;
    for (const [from, to] of pairs) {
      const rule = this.byPair.get(keyOf(from, to, datacenter)) ?? this.byPair.get(keyOf(from, to, undefined));
      if (rule) return rule;
    }
    return undefined;
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

function keyOf(source: string, destination: string, datacenter: string | undefined): string {
  return JSON.stringify([source, destination, datacenter]);
}
