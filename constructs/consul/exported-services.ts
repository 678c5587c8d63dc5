import { append } from "../core/collections";
import type * as consul from "./generated/config-entries";
import { namespaceOf } from "./tenancy";

/** A source in another cluster that can reach a service: that of a peer, or of another partition. */
export interface ForeignAccess {
  readonly destination: string;
  /** Namespace of the destination. @default "default" */
  readonly namespace?: string;
  readonly consumer: consul.ServiceConsumer;
}

/**
 * Returns the exported services: every service that a source in a peered cluster, or in another partition, can reach.
 *
 * @param hasNamespaces whether the namespaces of services are named, since there are several
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/exported-services
 */
export function renderExportedServices(
  accesses: readonly ForeignAccess[],
  hasNamespaces = false,
): Omit<consul.ExportedServicesConfigEntry, "Kind" | "Name"> | undefined {
  const byService = new Map<string, ForeignAccess[]>();
  for (const access of accesses) {
    append(byService, `${namespaceOf(access)}/${access.destination}`, access);
  }
  if (byService.size === 0) {
    return undefined;
  }
  return {
    Services: [...byService.values()].map((each) => ({
      Name: each[0].destination,
      ...(hasNamespaces && { Namespace: namespaceOf(each[0]) }),
      Consumers: [...new Map(each.map(({ consumer }) => [JSON.stringify(consumer), consumer])).values()],
    })),
  };
}
