import type { Construct } from "constructs";
import { ConsulConfigEntry } from "../consul/consul-config-entry";
import type * as consul from "../consul/generated/config-entries";
import { renderServiceIntentions } from "../consul/service-intentions";
import type { IMeshService } from "./mesh-member";
import type { ServiceMesh } from "./service-mesh";

/** Fields of service-defaults beside those that the graph knows. */
export type ServiceDefaults = Omit<consul.ServiceConfigEntry, "Kind" | "Name" | "Protocol">;

/**
 * Declares what Consul knows of a service apart from its instances: its defaults, and the one entry that says who may
 * reach it.
 *
 * @returns the defaults, which whatever runs the service needs first
 */
export function addServiceEntries(
  service: Construct & IMeshService & { readonly mesh: ServiceMesh },
  serviceDefaults: () => ServiceDefaults | undefined,
): ConsulConfigEntry<consul.ServiceConfigEntry> {
  const { mesh, serviceName, protocol } = service;
  const defaults = new ConsulConfigEntry<consul.ServiceConfigEntry>(service, "Defaults", {
    kind: "service-defaults",
    name: serviceName,
    // Consul always answers with TransparentProxy; without it each plan would find a difference.
    entry: () => ({ TransparentProxy: {}, ...serviceDefaults(), Protocol: protocol }),
  });
  new ConsulConfigEntry<consul.ServiceIntentionsConfigEntry>(service, "Intentions", {
    kind: "service-intentions",
    name: serviceName,
    entry: () => renderServiceIntentions(mesh.intentionsFor(serviceName).map((each) => each.render())),
    // Consul judges permissions on requests by the protocol in the first two. The third is there before there are permissions, or they
    // could be got round until then.
    dependsOn: [defaults, mesh.proxyDefaults, mesh.meshConfig],
  });
  return defaults;
}
