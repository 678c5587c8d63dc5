import type { Construct } from "constructs";
import type * as consul from "../consul/generated/config-entries";
import { renderServiceIntentions } from "../consul/service-intentions";
import type { IntentionRecord } from "../model/records";
import type { Snapshot } from "../model/snapshot";
import { ConsulConfigEntry } from "./config-entry";
import type { Mesh } from "./mesh";
import type { IMeshService } from "./mesh-member";

/** Fields of service-defaults in addition to those that the graph knows. */
export type ServiceDefaults = Omit<consul.ServiceConfigEntry, "Kind" | "Name" | "Protocol">;

/**
 * Declares what Consul knows of a service apart from its instances: its defaults, and the one entry that says what may
 * reach it.
 *
 * @returns the defaults, which whatever runs the service needs first
 */
export function addServiceEntries(
  service: Construct & IMeshService & { readonly mesh: Mesh },
  serviceDefaults: (graph: Snapshot) => ServiceDefaults | undefined,
): ConsulConfigEntry<consul.ServiceConfigEntry> {
  const { serviceName, protocol } = service;
  const defaults = new ConsulConfigEntry<consul.ServiceConfigEntry>(service, "Defaults", {
    kind: "service-defaults",
    name: serviceName,
    // Consul always answers with TransparentProxy; without it each plan would find a difference.
    entry: (graph) => ({ TransparentProxy: {}, ...serviceDefaults(graph), Protocol: protocol }),
    // A service that stops speaking HTTP has lost its permissions by then.
    dependsOn: (graph) =>
      judgesRequests(graph, service) ? [] : [{ entry: { kind: "service-intentions", name: serviceName } }],
    // A gateway that led to it no longer does by then.
    isRemovedLast: true,
  });
  new ConsulConfigEntry<consul.ServiceIntentionsConfigEntry>(service, "Intentions", {
    kind: "service-intentions",
    name: serviceName,
    entry: (graph) => renderServiceIntentions(intentionsFor(graph, service).map(renderedSource)),
    // Consul judges permissions on requests by the protocol in the first two. The third is there before there are permissions, or they
    // could be bypassed until then.
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
  return graph.clusterOf(mesh.node.path).intentionsFor(serviceName);
}

function judgesRequests(graph: Snapshot, service: MeshMember): boolean {
  return intentionsFor(graph, service).some(({ permissions }) => permissions !== undefined);
}

function renderedSource({ source, permissions, description, follows }: IntentionRecord) {
  return { name: source.service, peer: source.peer, permissions, description, follows };
}
