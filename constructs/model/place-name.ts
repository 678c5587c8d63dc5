import { DEFAULT_TENANCY, isDefaultTenancy, tenancyText, type Tenancy } from "../consul/tenancy";

/** A datacenter, and a namespace in one of its partitions. */
export interface NamedPlace {
  /** Empty for the only one, which needs no name. */
  readonly datacenter: string;
  readonly tenancy: Tenancy;
}

/**
 * Returns the name of a place: that of the datacenter, and `dc1/team-a/payments` or `team-a/payments` for a namespace in a partition other
 * than the default ones.
 */
export function placeName(datacenter = "", tenancy: Tenancy = DEFAULT_TENANCY): string {
  return [datacenter, isDefaultTenancy(tenancy) ? "" : tenancyText(tenancy)].filter((part) => part !== "").join("/");
}

/** Returns the place with a name. */
export function placeOfName(name: string): NamedPlace {
  const parts = name.split("/");
  const datacenter = parts.length === 2 ? "" : parts[0];
  const [partition, namespace] = parts.length === 1 ? [] : parts.slice(-2);
  return { datacenter, tenancy: { partition, namespace } };
}
