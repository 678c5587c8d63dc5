import * as is from "../core/shape";
import type { SecretStore } from "./host-tool/secret-store";

/** The WAN federation of which a datacenter is a part. Its servers reach those of other datacenters through mesh gateways. */
export interface FederationOptions {
  /** The primary datacenter, which owns config entries, the CA of the mesh and ACLs. Set it in the primary too. */
  readonly primaryDatacenter: string;
  /**
   * Addresses of mesh gateways of the primary datacenter, as `host:port`, through which the servers reach those of the primary before
   * they know its gateways.
   *
   * @default none: required outside the primary
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/general#primary_gateways
   */
  readonly primaryGateways?: readonly string[];
  /**
   * The secret store of the primary datacenter, from which the servers of the others read the document `federation`, at each boot and
   * when the primary rotates what is in it: the CA of Consul's agents, the gossip key, and Consul's tokens. It is of the same type as
   * the own one. Of a directory, they share only the subdirectory `federation`.
   *
   * @default none: required outside the primary
   */
  readonly primarySecretStore?: SecretStore;
}

/** @internal */
export const FEDERATION_SHAPE: Omit<is.Shape<FederationOptions>, "primarySecretStore"> = {
  primaryDatacenter: is.required(is.name),
  primaryGateways: is.list(is.name),
};

/** Returns what is wrong with the federation of a datacenter, and the fix. */
export function problemOfFederation(
  datacenter: string,
  { primaryDatacenter, primaryGateways = [], primarySecretStore }: FederationOptions,
  { type }: SecretStore,
): readonly [problem: string, fix: string] | undefined {
  if (primarySecretStore !== undefined && primarySecretStore.type !== type) {
    return [
      `Its secret store is of type "${type}", but primarySecretStore of federation is of type "${primarySecretStore.type}".`,
      "Use stores of one type: hosts have the programs for only one.",
    ];
  }
  const needed = { primaryGateways: primaryGateways.length > 0, primarySecretStore: primarySecretStore !== undefined };
  const isPrimary = primaryDatacenter === datacenter;
  const [wrong] = Object.entries(needed).find(([, isSet]) => isSet === isPrimary) ?? [];
  if (wrong === undefined) return undefined;
  return isPrimary
    ? [`${datacenter} is the primary datacenter, but federation has ${wrong}.`, `Omit ${wrong}.`]
    : [`${datacenter} is not the primary datacenter, but federation has no ${wrong}.`, `Set ${wrong}.`];
}
