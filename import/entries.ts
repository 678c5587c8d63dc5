import type * as consul from "../constructs/consul/generated/config-entries";
import { statedProtocol } from "../constructs/consul/protocol";
import type { Code, Fields } from "./code";
import { withoutNulls } from "./values";

/** `service-defaults`, `service-intentions` and so on. */
export type EntryKind = consul.ConfigEntry["Kind"];

/** Every kind, with the name of its type, in the order in which Consul can take them: each may refer to earlier ones. */
export const ENTRY_TYPES = {
  "proxy-defaults": "ProxyConfigEntry",
  mesh: "MeshConfigEntry",
  "control-plane-request-limit": "RateLimitIPConfigEntry",
  "jwt-provider": "JWTProviderConfigEntry",
  "sameness-group": "SamenessGroupConfigEntry",
  "service-defaults": "ServiceConfigEntry",
  "service-resolver": "ServiceResolverConfigEntry",
  "service-splitter": "ServiceSplitterConfigEntry",
  "service-router": "ServiceRouterConfigEntry",
  "service-intentions": "ServiceIntentionsConfigEntry",
  "exported-services": "ExportedServicesConfigEntry",
  "inline-certificate": "InlineCertificateConfigEntry",
  "file-system-certificate": "FileSystemCertificateConfigEntry",
  "terminating-gateway": "TerminatingGatewayConfigEntry",
  "ingress-gateway": "IngressGatewayConfigEntry",
  "api-gateway": "APIGatewayConfigEntry",
  "http-route": "HTTPRouteConfigEntry",
  "tcp-route": "TCPRouteConfigEntry",
} as const satisfies Readonly<Record<EntryKind, string>>;

export const ENTRY_KINDS = Object.keys(ENTRY_TYPES) as EntryKind[];

/** A config entry of a cluster. */
export interface Entry {
  readonly kind: EntryKind;
  readonly name: string;
  /** All other fields, as Consul returns them. */
  readonly fields: Fields;
}

/** Fields that say nothing of the entry itself: its identity, and what only Consul writes. */
const NOT_CONTENT = new Set(["Kind", "Name", "CreateIndex", "ModifyIndex", "Hash", "Status"]);
/** In Consul Enterprise, an entry of the default partition and namespace has these fields. */
const PLACES = new Set(["Partition", "Namespace"]);

/** An entry as the API of Consul returns it. */
export function entryOf(answer: Readonly<Record<string, unknown>> & { readonly Kind: EntryKind }): Entry {
  const fields = Object.entries<unknown>(withoutNulls(answer) as Readonly<Record<string, unknown>>).filter(
    ([key, value]) => !NOT_CONTENT.has(key) && !(PLACES.has(key) && (value === "default" || value === "")),
  );
  // There is one entry of the kind `mesh`, whose name Consul omits.
  const name = typeof answer.Name === "string" && answer.Name !== "" ? answer.Name : "mesh";
  return { kind: answer.Kind, name, fields: Object.fromEntries(fields) as Fields };
}

/** The config entries of a cluster that are still to be expressed. */
export class Entries {
  private readonly byKey: ReadonlyMap<string, Entry>;
  private readonly taken = new Set<Entry>();

  /**
   * @param all those that the app is to have
   * @param others those that only say what the services of the app get from the cluster
   */
  constructor(
    readonly all: readonly Entry[],
    private readonly others: readonly Entry[] = [],
  ) {
    this.byKey = new Map(all.map((entry) => [keyOf(entry.kind, entry.name), entry]));
  }

  /** The entry, if there is one. It is expressed from then on. */
  take(kind: EntryKind, name: string): Entry | undefined {
    const entry = this.find(kind, name);
    if (entry !== undefined) this.taken.add(entry);
    return entry;
  }

  find(kind: EntryKind, name: string): Entry | undefined {
    return this.byKey.get(keyOf(kind, name));
  }

  /** The protocol that Consul uses for a service. */
  protocolOf(service: string): string {
    return statedProtocol(this.find("service-defaults", service)?.fields, this.proxyDefaults?.fields) ?? "tcp";
  }

  /** The proxy-defaults of the cluster, whether or not the app has them. */
  get proxyDefaults(): Entry | undefined {
    return this.find("proxy-defaults", "global") ?? this.others.find(({ kind }) => kind === "proxy-defaults");
  }

  /** Names of services to which traffic rules of this one lead. */
  rulesOf(service: string): readonly string[] {
    const entries = CHAIN.slice(1).flatMap((kind) => this.find(kind, service) ?? []);
    return [...new Set(entries.flatMap(({ fields }) => servicesIn(fields)))].filter((it) => it !== service);
  }

  /** Names of the sources for which a service has intentions. */
  sourcesFor(service: string): readonly string[] {
    const { Sources } = this.find("service-intentions", service)?.fields ?? {};
    return ((Sources ?? []) as readonly consul.SourceIntention[]).map(({ Name = "" }) => Name);
  }

  /** The entries that are not expressed yet, in an order in which Consul can take them. */
  get rest(): readonly Entry[] {
    return this.all
      .filter((entry) => !this.taken.has(entry))
      .sort(
        (one, other) =>
          ENTRY_KINDS.indexOf(one.kind) - ENTRY_KINDS.indexOf(other.kind) || (one.name < other.name ? -1 : 1),
      );
  }
}

/** Kinds from which Consul compiles the ways to a service. */
const CHAIN: readonly EntryKind[] = ["service-defaults", "service-resolver", "service-splitter", "service-router"];

/**
 * Entries that Consul must have before this one, since it validates them together.
 *
 * @param isThere whether the app has an entry
 */
export function needsOf({ kind, name, fields }: Entry, isThere: (kind: EntryKind, name: string) => boolean): Fields[] {
  const rank = CHAIN.indexOf(kind);
  const isRoute = ["http-route", "tcp-route", "ingress-gateway", "exported-services"].includes(kind);
  const kinds = isRoute ? CHAIN : CHAIN.slice(0, Math.max(rank, 0));
  const names = new Set(isRoute ? servicesIn(fields) : [name, ...servicesIn(fields)]);
  const needs = [...names].flatMap((service) => kinds.map((of): [EntryKind, string] => [of, service]));
  if (rank >= 0 || isRoute) needs.unshift(["proxy-defaults", "global"]);
  return needs.filter((need) => isThere(...need)).map(([of, service]) => ({ entry: { kind: of, name: service } }));
}

/** Names of services to which an entry leads. */
function servicesIn(code: Code, key = ""): string[] {
  if (typeof code === "string") return (key === "Service" || key === "Name") && code !== "*" ? [code] : [];
  if (typeof code !== "object" || code === null) return [];
  if (Array.isArray(code)) return (code as readonly Code[]).flatMap((item) => servicesIn(item, key));
  return Object.entries(code as Fields).flatMap(([field, value]) => servicesIn(value, field));
}

/** Names are not case-sensitive, as in Consul. */
function keyOf(kind: string, name: string): string {
  return `${kind}/${name.toLowerCase()}`;
}
