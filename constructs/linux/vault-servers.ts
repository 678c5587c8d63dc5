import type { Construct } from "constructs";
import { consulClient } from "./consul-client";
import type { ConsulServers } from "./consul-servers";
import * as is from "../core/shape";
import { HOST_GROUP_SHAPE, HostGroup, type HostGroupProps } from "./host-group";
import { vaultService } from "./vault-service";
import { vaultServer, type VaultServerOptions, type VaultTls } from "./vault-server";

/** Props of {@link VaultServers}. */
export interface VaultServersProps
  extends
    HostGroupProps,
    Pick<VaultServerOptions, "tls" | "seal" | "ui" | "pluginDirectory" | "logLevel" | "override"> {
  /** The Consul servers of the cluster. Each host has a Consul client of this cluster. */
  readonly consul: ConsulServers;
  /**
   * How servers find each other: their addresses, or one cloud auto-join string.
   * @see https://developer.hashicorp.com/vault/docs/configuration/storage/raft#retry_join-stanza
   */
  readonly join: readonly string[];
  /**
   * Whether the Consul client of each host registers the service `vault`, so that `vault.service.consul` leads to the servers that are
   * unsealed. In a cluster with ACLs, the agent needs a token for it, which is yours; see docs/vault.md.
   * @default true
   */
  readonly registration?: boolean;
  /** Number of servers: 3 tolerate the loss of one, 5 of two. @default 3 */
  readonly count?: number;
}

const path = is.rule("an absolute path", "Use a path that begins with /.", (value) => {
  return typeof value === "string" && value.startsWith("/");
});

const VAULT_SERVERS_SHAPE: is.Shape<VaultServersProps> = {
  ...HOST_GROUP_SHAPE,
  consul: is.required(is.like("ConsulServers", "cluster")),
  join: is.required(is.list(is.text)),
  registration: is.flag,
  count: is.rule("1, 3 or 5", "Use 3, which tolerate the loss of one, or 5, which tolerate the loss of two.", (value) =>
    [1, 3, 5].includes(value as number),
  ),
  tls: is.required(
    is.block<VaultTls>({ certFile: is.required(path), keyFile: is.required(path), caFile: is.required(path) }),
  ),
  seal: is.made("a seal, such as Seal.shamir()"),
  ui: is.flag,
  pluginDirectory: path,
  logLevel: is.oneOf(["trace", "debug", "info", "warn", "error"]),
  override: is.fields,
};

/**
 * The servers of a Vault cluster, with integrated storage. Their certificates and keys are yours: `extra` or the machine's image brings
 * them, never the user data.
 *
 * @example
 * const vault = new VaultServers(stack, "vault", {
 *   consul,
 *   join: ["10.0.1.21", "10.0.1.22", "10.0.1.23"],
 *   seal: Seal.of("gcpckms", { project: "a", region: "b", key_ring: "c", crypto_key: "d" }),
 *   tls: { certFile: "/etc/vault.d/tls/vault.pem", keyFile: "/etc/vault.d/tls/vault-key.pem", caFile: "/etc/vault.d/tls/ca.pem" },
 * });
 */
export class VaultServers extends HostGroup {
  /** @throws MeshError if an option is wrong */
  constructor(scope: Construct, id: string, props: VaultServersProps) {
    is.refuseWrongValues(scope, props, VAULT_SERVERS_SHAPE, "servers", id);
    const { consul, join, registration = true, count = 3 } = props;
    const { cluster } = consul;
    super(scope, id, cluster, { ...props, count });
    this.addPart({
      agent: "consul-client",
      role: consulClient(consul.clientOptions),
    });
    if (registration) this.addPart({ role: vaultService() });
    this.addPart({
      role: vaultServer({
        version: cluster.versions.vault,
        retryJoin: join,
        tls: props.tls,
        seal: props.seal,
        ui: props.ui,
        pluginDirectory: props.pluginDirectory,
        logLevel: props.logLevel,
        override: props.override,
      }),
      override: props.override,
    });
  }
}
