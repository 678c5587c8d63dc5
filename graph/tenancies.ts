import {
  isDefaultTenancy,
  isOfPartition,
  tenancyFields,
  tenancyIn,
  tenancyOfKind,
  type Tenancy,
} from "../constructs/consul/tenancy";
import type * as nomad from "../constructs/nomad/generated/job";
import { placeName, placeOfName } from "../constructs/model/place-name";
import type { EntryDocument, JobDocument, MeshDocuments } from "../lab/apply/documents";

/** The fields with which jobs and config entries name a partition and a namespace. */
type TenancyFields = Parameters<typeof tenancyIn>[0];

/**
 * The documents of an app, with the names of their places instead of those of their datacenters: with Consul Enterprise, each namespace of
 * a partition is a place of its own. What has no tenancy stays as it is.
 */
export function inPlaces(documents: MeshDocuments): MeshDocuments {
  return {
    ...documents,
    jobs: documents.jobs.flatMap(byTenancy),
    entries: documents.entries.map((document) => moved(document, tenancyOfEntry(document))),
    catalog: documents.catalog.map(({ tenancy = {}, ...document }) => moved(document, tenancy)),
  };
}

/** The name of the place that a field of a job or entry names, seen from another place. */
export function placeFrom(own: string | undefined, fields: TenancyFields, datacenter?: string): string | undefined {
  const { datacenter: here, tenancy } = placeOfName(own ?? "");
  return placeName(datacenter || here, tenancyIn(fields, tenancy)) || undefined;
}

/** The name of the place that is named with a cluster peer. */
export function placeOfPeer(peer: string | undefined, { Namespace }: TenancyFields): string | undefined {
  return peer ? placeName(peer, { namespace: Namespace || undefined }) : undefined;
}

/** The datacenter of a place. */
export function datacenterOf(place: string | undefined): string | undefined {
  return place === undefined ? undefined : placeOfName(place).datacenter || undefined;
}

/** The partition and namespace of a place. */
export function tenancyOf(place: string | undefined): Tenancy {
  return placeOfName(place ?? "").tenancy;
}

/** The place of the entries that all namespaces of the partition of a place share. */
export function partitionPlaceOf(place: string | undefined): string | undefined {
  const { datacenter, tenancy } = placeOfName(place ?? "");
  return placeName(datacenter, { partition: tenancy.partition }) || undefined;
}

/** Whether an entry belongs to a partition other than the default one, and to none of its namespaces. */
export function isOfPartitionOnly({ entry, datacenter }: EntryDocument): boolean {
  return isOfPartition(entry.Kind) && !isDefaultTenancy(tenancyOf(datacenter));
}

function tenancyOfEntry({ entry }: EntryDocument): Tenancy {
  return tenancyOfKind(entry.Kind, tenancyIn(entry, {}));
}

/** Each group of a job can be in another tenancy. */
function byTenancy(document: JobDocument): readonly JobDocument[] {
  const groups = document.job.TaskGroups ?? [];
  const tenancies = new Map<string, nomad.TaskGroup[]>();
  for (const group of groups) {
    const place = placeName(document.datacenter, tenancyIn(group.Consul ?? {}, {}));
    tenancies.set(place, [...(tenancies.get(place) ?? []), group]);
  }
  const [[only, own] = ["", groups]] = tenancies;
  if (tenancies.size <= 1 && own.length === groups.length && only === (document.datacenter ?? "")) return [document];
  return [...tenancies].map(([place, TaskGroups]) => ({
    ...document,
    datacenter: place || undefined,
    job: { ...document.job, TaskGroups },
  }));
}

function moved<Document extends { readonly datacenter?: string }>(document: Document, tenancy: Tenancy): Document {
  return isDefaultTenancy(tenancy)
    ? document
    : { ...document, datacenter: placeFrom(document.datacenter, tenancyFields(tenancy)) };
}
