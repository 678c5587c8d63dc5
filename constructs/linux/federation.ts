import * as is from "../core/shape";
import type { DirectorySecretStore, SecretStore } from "./host-tool/secret-store";

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
   * when the primary rotates what is in it: the CA of Consul's agents, the gossip key, and Consul's tokens. It is a directory, of
   * which they share only the subdirectory `federation`.
   *
   * @default none: required outside the primary
   */
  readonly primarySecretStore?: DirectorySecretStore;
}

/** @internal */
export const FEDERATION_SHAPE: is.Shape<FederationOptions> = {
  primaryDatacenter: is.required(is.name),
  primaryGateways: is.list(is.name),
  primarySecretStore: is.block({ type: is.required(is.oneOf(["directory"])), path: is.required(is.name) }),
};

/** Returns what is wrong with the federation of a datacenter, and the fix. */
export function problemOfFederation(
  datacenter: string,
  { primaryDatacenter, primaryGateways = [], primarySecretStore }: FederationOptions,
  { type }: SecretStore,
): readonly [problem: string, fix: string] | undefined {
  if (type !== "directory") {
    return [
      `federation is set, but the secret store is of type "${type}".`,
      "Use a directory, which is the only store from which other datacenters can read.",
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
