import { tokenPhrase } from "../constructs/consul/jwt-requirement";
import { ANY_SERVICE } from "../constructs/consul/service-intentions";
import type { Intention } from "../constructs/model/intentions";
import type { EntryDocument } from "../lab/apply/documents";
import type { Permission } from "./model";
import { permissionPhrase } from "./phrases";
import { placeFrom, placeOfPeer } from "./tenancies";

/** One rule: which service a source may reach. A source of a peer is not one from here, even if they have the same name. */
export interface IntentionRule {
  readonly datacenter?: string;
  readonly source: string;
  /** Peer from which the source comes. @default the same cluster */
  readonly peer?: string;
  /** The place of the source, as the destination names it. */
  readonly from?: string;
  readonly destination: string;
  readonly permission: Permission;
}

/** All intentions of an app, source by source. */
export function intentionRules(entries: readonly EntryDocument[]): IntentionRule[] {
  return entries.flatMap(({ entry, datacenter }) =>
    entry.Kind === "service-intentions"
      ? (entry.Sources ?? []).map((rule) => ({
          datacenter,
          source: rule.Name ?? "",
          peer: placeOfPeer(rule.Peer, rule),
          from: rule.Peer ? undefined : placeFrom(datacenter, rule),
          destination: entry.Name ?? "",
          permission: permissionOf({ source: rule.Name ?? "", destination: entry.Name ?? "", rule, jwt: entry.JWT }),
        }))
      : [],
  );
}

/** What an intention says, in words. */
export function permissionOf({ source, destination, rule, jwt }: Intention): Permission {
  const { Action, Permissions, Description } = rule;
  const rules = [...(jwt ? [`only with ${tokenPhrase(jwt)}`] : []), ...(Permissions ?? []).map(permissionPhrase)];
  const partly = rules.length > 0;
  return {
    allowed: Permissions?.length ? "some requests" : Action !== "allow" ? "no" : partly ? "some requests" : "all",
    ...(partly && { rules }),
    ...(Description && { description: Description }),
    ...([source, destination].includes(ANY_SERVICE) && { wildcard: true }),
  };
}
