import { HttpPermission } from "../constructs/consul/http-permission";
import type * as consul from "../constructs/consul/generated/config-entries";
import { renderServiceIntentions } from "../constructs/consul/service-intentions";
import { call, evaluate, type Call, type Fields } from "./code";
import type { Entry } from "./entries";
import { isSameEntry } from "./difference";
import { items, set } from "./values";

/** A source that may reach a service. */
export interface ImportedSource {
  readonly name: string;
  readonly peer: string | undefined;
  /** `permissions` and `description` of `connectTo` and `allowFrom`. */
  readonly options: Fields;
}

/** How `connectTo` and `allowFrom` express an intention. */
export interface ImportedIntentions {
  readonly sources: readonly ImportedSource[];
  /** Whether Consul has the sources in another order, which has no meaning. */
  readonly isReordered: boolean;
}

/** The sources of an intention; `undefined` if `connectTo` and `allowFrom` cannot express it. */
export function intentionsOf({ fields }: Entry): ImportedIntentions | undefined {
  const { Sources = [] } = fields as unknown as consul.ServiceIntentionsConfigEntry;
  const sources = Sources.map(({ Name = "", Peer, Description, Permissions }) => ({
    name: Name,
    peer: set(Peer),
    options: { permissions: items(Permissions)?.map(permissionOf), description: set(Description) },
  }));
  const rendered = renderServiceIntentions(
    sources.map(({ name, peer, options: { permissions, description } }) => ({
      ...{ name, peer, description },
      permissions: permissions?.map((it) => evaluate(it) as HttpPermission),
    })),
  );
  if (isSameEntry(rendered ?? {}, fields)) return { sources, isReordered: false };
  const inOrder = [...Sources].sort((one, other) => rankIn(rendered?.Sources, one) - rankIn(rendered?.Sources, other));
  return isSameEntry(rendered ?? {}, { ...fields, Sources: inOrder }) ? { sources, isReordered: true } : undefined;
}

function rankIn(sources: readonly consul.SourceIntention[] = [], { Name, Peer }: consul.SourceIntention): number {
  return sources.findIndex((it) => it.Name === Name && (it.Peer ?? "") === (Peer ?? ""));
}

function permissionOf({ Action, HTTP = {} }: consul.IntentionPermission): Call {
  const match = {
    pathPrefix: set(HTTP.PathPrefix),
    pathExact: set(HTTP.PathExact),
    pathRegex: set(HTTP.PathRegex),
    methods: items(HTTP.Methods),
    headers: items(HTTP.Header)?.map((header) => ({
      name: header.Name ?? "",
      exact: set(header.Exact),
      prefix: set(header.Prefix),
      suffix: set(header.Suffix),
      regex: set(header.Regex),
      present: set(header.Present),
      invert: set(header.Invert),
    })),
  };
  return call(Action === "deny" ? "HttpPermission.deny" : "HttpPermission.allow", match);
}
