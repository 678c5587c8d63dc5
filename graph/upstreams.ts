import type * as nomad from "../constructs/nomad/generated/job";
import type { MeshDocuments } from "../lab/apply/documents";

/**
 * The service that an upstream leads to: its destination, or what its prepared query looks up.
 *
 * @param datacenter that of the source
 * @returns undefined where the app has no such query, or one that looks up another service for each name
 */
export function serviceOf(
  { queries }: MeshDocuments,
  { DestinationName = "", DestinationType }: nomad.ConsulUpstream,
  datacenter: string | undefined,
): string | undefined {
  if (!isQuery({ DestinationType })) return DestinationName;
  const found = queries.find((it) => it.name === DestinationName && it.datacenter === datacenter);
  return found?.isTemplate ? undefined : found?.service;
}

export function isQuery({ DestinationType }: Pick<nomad.ConsulUpstream, "DestinationType">): boolean {
  return DestinationType === "prepared_query";
}

/** Where a program finds an upstream, such as `127.0.0.1:8080`. */
export function wayOf(upstream: nomad.ConsulUpstream): string {
  const { DestinationName = "", LocalBindAddress, LocalBindPort, LocalBindSocketPath } = upstream;
  if (LocalBindPort) return `${LocalBindAddress || "127.0.0.1"}:${LocalBindPort}`;
  return LocalBindSocketPath || `${DestinationName}.virtual.consul`;
}
