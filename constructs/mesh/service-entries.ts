import type { Construct } from "constructs";
import type { EnvoyExtension } from "../consul/envoy-extension";
import type * as consul from "../consul/generated/config-entries";
import { renderRateLimits, type RateLimits } from "../consul/rate-limits";
import { providersOf } from "../consul/jwt-requirement";
import { renderServiceIntentions } from "../consul/service-intentions";
import { joinLists } from "../core/collections";
import { withoutUndefined } from "../core/without-undefined";
import type { IntentionRecord } from "../model/records";
import type { Snapshot } from "../model/snapshot";
import { type ConsulConfigEntry, type Dependency, DerivedConfigEntry } from "./config-entry";
import type { Mesh } from "./mesh";
import type { IMeshService } from "./mesh-member";

/** Fields of the config entry `service-defaults`, without those that the mesh sets. */
export type ServiceDefaults = Omit<consul.ServiceConfigEntry, "Kind" | "Name" | "Protocol">;

/** Options that are fields of the config entry `service-defaults`. */
export interface ServiceDefaultsOptions {
  /** Additional fields of the service's config entry `service-defaults`. @default none */
  readonly serviceDefaults?: ServiceDefaults;
  /** Changes of what Consul configures in the Envoys of the service, in this order, after those of the mesh. @default none */
  readonly envoyExtensions?: readonly EnvoyExtension[];
  /** How many requests each instance accepts. Requires Consul Enterprise. @default any number */
  readonly rateLimits?: RateLimits;
}

/** The passed `serviceDefaults`, with the fields that have options of their own. */
export function renderServiceDefaults(options: ServiceDefaultsOptions): ServiceDefaults {
  const { serviceDefaults = {}, envoyExtensions, rateLimits } = options;
  return {
    ...serviceDefaults,
    ...withoutUndefined({
      EnvoyExtensions: renderExtensions(serviceDefaults.EnvoyExtensions, envoyExtensions),
      RateLimits: rateLimits === undefined ? serviceDefaults.RateLimits : renderRateLimits(rateLimits),
    }),
  };
}

/**
 * Adds the mesh gateway mode that applies anyway to upstream defaults that do not set it. Consul does so too, in the entry that it
 * stores, once it has resolved the configuration of a proxy: each plan would find a difference.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-defaults#upstreamconfig
 */
export function withMeshGatewayMode(entry: ServiceDefaults, graph: Snapshot, mesh: Mesh): ServiceDefaults {
  const { MeshGateway, UpstreamConfig } = entry;
  const { Defaults } = UpstreamConfig ?? {};
  if (Defaults === undefined || modeOf(Defaults) !== undefined) return entry;
  const global = graph.entryOf(graph.clusterOf(mesh.node.path), { kind: "proxy-defaults", name: "global" });
  const Mode = modeOf({ MeshGateway }) ?? modeOf(global as consul.ProxyConfigEntry | undefined);
  return Mode === undefined
    ? entry
    : { ...entry, UpstreamConfig: { ...UpstreamConfig, Defaults: { ...Defaults, MeshGateway: { Mode } } } };
}

/** An empty mode is none. */
function modeOf(entry: { readonly MeshGateway?: consul.MeshGatewayConfig } = {}): string | undefined {
  return entry.MeshGateway?.Mode || undefined;
}

/** Extensions that are given as fields, and those of the options. */
export function renderExtensions(
  fields: readonly consul.EnvoyExtension[] | undefined,
  options: readonly EnvoyExtension[] | undefined,
): readonly consul.EnvoyExtension[] | undefined {
  return options === undefined
    ? fields
    : joinLists(
        fields,
        options.map(({ rendered }) => rendered),
      );
}

/**
 * Declares the config entries `service-defaults` and `service-intentions` of a service.
 *
 * @returns the defaults, which must exist before the job of the service
 */
export function addServiceEntries(
  service: Construct & IMeshService & { readonly mesh: Mesh },
  serviceDefaults: (graph: Snapshot) => ServiceDefaults | undefined,
): ConsulConfigEntry<consul.ServiceConfigEntry> {
  const { serviceName, protocol } = service;
  const defaults = new DerivedConfigEntry<consul.ServiceConfigEntry>(service, "Defaults", {
    kind: "service-defaults",
    name: serviceName,
    // Consul always answers with TransparentProxy; without it each plan would find a difference.
    entry: (graph) => ({
      TransparentProxy: {},
      ...withMeshGatewayMode(serviceDefaults(graph) ?? {}, graph, service.mesh),
      Protocol: protocol,
    }),
    // If the protocol changes from HTTP to tcp, permissions must be removed first: Consul refuses them for tcp.
    dependsOn: (graph) =>
      judgesRequests(graph, service) ? [] : [{ entry: { kind: "service-intentions", name: serviceName } }],
    // A gateway that routed to the service must be changed before the defaults are deleted.
    isRemovedLast: true,
  });
  new DerivedConfigEntry<consul.ServiceIntentionsConfigEntry>(service, "Intentions", {
    kind: "service-intentions",
    name: serviceName,
    entry: (graph) =>
      renderServiceIntentions(intentionsFor(graph, service).map(renderedSource), { jwt: tokenOf(graph, service) }),
    // Consul refuses tokens of a provider that does not exist.
    dependsOn: (graph) => [
      ...(judgesRequests(graph, service) ? [defaults, ...REQUESTS_JUDGED_AFTER] : []),
      ...providersFor(graph, service).map((name): Dependency => ({ entry: { kind: "jwt-provider", name } })),
    ],
  });
  return defaults;
}

/**
 * Consul validates permissions against the protocol in the defaults of the service and in the first of these entries. The second one normalizes
 * requests: until it is written, permissions could be bypassed.
 */
const REQUESTS_JUDGED_AFTER: readonly Dependency[] = [
  { entry: { kind: "proxy-defaults", name: "global" }, isSoft: true },
  { entry: { kind: "mesh", name: "mesh" }, isSoft: true },
];

type MeshMember = IMeshService & { readonly mesh: Mesh };

function intentionsFor(graph: Snapshot, { mesh, serviceName }: MeshMember): readonly IntentionRecord[] {
  return graph
    .clusterOf(mesh.node.path)
    .intentionsFor(serviceName)
    .filter(({ isGiven }) => isGiven !== true);
}

function judgesRequests(graph: Snapshot, service: MeshMember): boolean {
  return intentionsFor(graph, service).some(({ permissions }) => permissions !== undefined);
}

function tokenOf(graph: Snapshot, service: MeshMember): consul.IntentionJWTRequirement | undefined {
  return graph.data.tokens.get(service.node.path);
}

/** Names of the providers of all tokens that the intentions of a service require. */
function providersFor(graph: Snapshot, service: MeshMember): readonly string[] {
  const permissions = intentionsFor(graph, service).flatMap((intention) => intention.permissions ?? []);
  const named = permissions.flatMap(({ tokens }) => tokens.map(({ provider }) => provider.providerName));
  return [...new Set([...named, ...providersOf(tokenOf(graph, service))])];
}

export function renderedSource({ source, permissions, isDenied, description, follows }: IntentionRecord) {
  return {
    name: source.service,
    peer: source.peer,
    tenancy: source.tenancy,
    permissions,
    isDenied,
    description,
    follows,
  };
}
