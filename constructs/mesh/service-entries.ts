import type { Construct } from "constructs";
import type { EnvoyExtension } from "../consul/envoy-extension";
import type * as consul from "../consul/generated/config-entries";
import { renderRateLimits, type RateLimits } from "../consul/rate-limits";
import { renderServiceIntentions } from "../consul/service-intentions";
import { joinLists } from "../core/collections";
import { withoutUndefined } from "../core/without-undefined";
import type { IntentionRecord } from "../model/records";
import type { Snapshot } from "../model/snapshot";
import { type ConsulConfigEntry, DerivedConfigEntry } from "./config-entry";
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
    entry: (graph) => ({ TransparentProxy: {}, ...serviceDefaults(graph), Protocol: protocol }),
    // If the protocol changes from HTTP to tcp, permissions must be removed first: Consul refuses them for tcp.
    dependsOn: (graph) =>
      judgesRequests(graph, service) ? [] : [{ entry: { kind: "service-intentions", name: serviceName } }],
    // A gateway that routed to the service must be changed before the defaults are deleted.
    isRemovedLast: true,
  });
  new DerivedConfigEntry<consul.ServiceIntentionsConfigEntry>(service, "Intentions", {
    kind: "service-intentions",
    name: serviceName,
    entry: (graph) => renderServiceIntentions(intentionsFor(graph, service).map(renderedSource)),
    // Consul validates permissions against the protocol in the first two entries. The third one normalizes requests: until it is
    // written, permissions could be bypassed.
    dependsOn: (graph) =>
      judgesRequests(graph, service)
        ? [
            defaults,
            { entry: { kind: "proxy-defaults", name: "global" }, isSoft: true },
            { entry: { kind: "mesh", name: "mesh" }, isSoft: true },
          ]
        : [],
  });
  return defaults;
}

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

function renderedSource({ source, permissions, isDenied, description, follows }: IntentionRecord) {
  return { name: source.service, peer: source.peer, permissions, isDenied, description, follows };
}
