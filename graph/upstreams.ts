import type * as nomad from "../constructs/nomad/generated/job";
import { queryFor } from "../constructs/consul/prepared-query";
import type { MeshDocuments, QueryDocument } from "../lab/apply/documents";

/**
 * The service that an upstream leads to: its destination, or what its prepared query looks up.
 *
 * @param datacenter that of the source
 * @returns undefined where the app has no such query
 */
export function serviceOf(
  documents: MeshDocuments,
  upstream: nomad.ConsulUpstream,
  datacenter: string | undefined,
): string | undefined {
  return isQuery(upstream) ? queryOf(documents, upstream, datacenter)?.service : upstream.DestinationName;
}

/** The prepared query of an upstream, with the service that it looks up. @returns undefined of an upstream to a service too */
export function queryOf(
  { queries }: MeshDocuments,
  { DestinationName = "", DestinationType, Datacenter }: nomad.ConsulUpstream,
  datacenter: string | undefined,
): QueryDocument | undefined {
  if (!isQuery({ DestinationType })) return undefined;
  const home = Datacenter || datacenter;
  return queryFor(
    queries.filter((it) => it.datacenter === home),
    DestinationName,
  );
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
