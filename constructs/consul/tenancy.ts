import * as is from "../core/shape";
import type { ConfigEntry } from "./generated/config-entries";

/**
 * A namespace in an admin partition, of Consul Enterprise. Names of services are unique in it.
 *
 * @see https://developer.hashicorp.com/consul/docs/multi-tenant
 */
export interface Tenancy {
  /** Admin partition. @default "default" */
  readonly partition?: string;
  /** Namespace in the partition. Unrelated to Nomad's namespaces. @default "default" */
  readonly namespace?: string;
}

const LABEL = is.literal(
  is.rule(
    "lower-case letters, digits and dashes, at most 64 characters, no dash at either end",
    "Correct the name, or omit it.",
    (value) => typeof value === "string" && /^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/.test(value),
  ),
  "Use a literal name: the graph is built from names.",
);

/** @internal */
export const TENANCY_SHAPE: is.Shape<Tenancy> = { partition: LABEL, namespace: LABEL };

/** The name of the partition and of the namespace that always exist, and of the only ones in the community edition. */
export const DEFAULT_NAME = "default";

/** The tenancy of everything in Consul's community edition. */
export const DEFAULT_TENANCY: Tenancy = {};

/** Name of the partition. */
export function partitionOf({ partition = "" }: Tenancy): string {
  return partition === "" ? DEFAULT_NAME : partition;
}

/** Name of the namespace. */
export function namespaceOf({ namespace = "" }: Tenancy): string {
  return namespace === "" ? DEFAULT_NAME : namespace;
}

/** Whether both are the same namespace in the same partition. */
export function isSameTenancy(one: Tenancy, other: Tenancy): boolean {
  return partitionOf(one) === partitionOf(other) && namespaceOf(one) === namespaceOf(other);
}

/** Whether it is the default namespace in the default partition. */
export function isDefaultTenancy(tenancy: Tenancy): boolean {
  return isSameTenancy(tenancy, DEFAULT_TENANCY);
}

/** In words: `team-a/payments`. */
export function tenancyText(tenancy: Tenancy): string {
  return `${partitionOf(tenancy)}/${namespaceOf(tenancy)}`;
}

/** The tenancy with both names, and with only its namespace if a cluster peer is named, whose partitions are not visible here. */
export function fullTenancy(tenancy: Tenancy, peer?: string): Tenancy {
  const namespace = namespaceOf(tenancy);
  return peer === undefined ? { partition: partitionOf(tenancy), namespace } : { namespace };
}

/** The names by which the Terraform addresses of objects in several tenancies differ: none for the default one. */
export function tenancyNames(tenancy: Tenancy): readonly string[] {
  return isDefaultTenancy(tenancy) ? [] : [partitionOf(tenancy), namespaceOf(tenancy)];
}

/** The tenancy that a config entry, an intention or an upstream states; `undefined` if it states none. */
export function statedTenancy({
  Partition,
  Namespace,
}: {
  readonly Partition?: string;
  readonly Namespace?: string;
}): Tenancy | undefined {
  return Partition || Namespace ? tenancyIn({ Partition, Namespace }, DEFAULT_TENANCY) : undefined;
}

/** A tenancy that a config entry, an intention or an upstream contains; `own` where it contains none. */
export function tenancyIn(
  { Partition, Namespace }: { readonly Partition?: string; readonly Namespace?: string },
  own: Tenancy,
): Tenancy {
  return { partition: Partition || own.partition, namespace: Namespace || own.namespace };
}

/** The fields of Consul's API. */
export function tenancyFields({ partition, namespace }: Tenancy = {}): {
  readonly Partition?: string;
  readonly Namespace?: string;
} {
  return {
    ...(namespace !== undefined && { Namespace: namespace }),
    ...(partition !== undefined && { Partition: partition }),
  };
}

/** Kinds of config entries that belong to a partition, and apply to all of its namespaces. */
const OF_PARTITION: readonly ConfigEntry["Kind"][] = [
  "exported-services",
  "jwt-provider",
  "mesh",
  "proxy-defaults",
  "sameness-group",
];

/** Whether entries of a kind apply to all namespaces of a partition. */
export function isOfPartition(kind: string | undefined): boolean {
  return OF_PARTITION.some((each) => each === kind);
}

/** Where Consul has an entry of this kind that is written for a tenancy. */
export function tenancyOfKind(kind: string | undefined, { partition, namespace }: Tenancy): Tenancy {
  return isOfPartition(kind) ? { partition } : { partition, namespace };
}
