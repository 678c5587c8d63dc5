import type { HostRole } from "./compose-host";
import { json } from "./json";
import type { Seal } from "./seal";

/** The certificate of a Vault server, as PEM files on its host. The user `vault` must be able to read them. */
export interface VaultTls {
  /** Path of the certificate, followed by those that signed it. It must contain the name or address by which callers reach Vault. */
  readonly certFile: string;
  /** Path of its private key. */
  readonly keyFile: string;
  /** Path of the CA with which the servers recognize each other. */
  readonly caFile: string;
}

export interface VaultServerOptions {
  /** Exact version, e.g. `1.21.4`. */
  readonly version: string;
  /** The certificate. Vault has no plaintext port. */
  readonly tls: VaultTls;
  /** What protects the key of Vault's data. @default Seal.shamir() */
  readonly seal?: Seal;
  /**
   * Addresses of the servers, or one cloud auto-join string. A server that has no data joins the first one that answers.
   * @default none: it is the only server
   * @see https://developer.hashicorp.com/vault/docs/configuration/storage/raft#retry_join-stanza
   */
  readonly retryJoin?: readonly string[];
  /**
   * The address that other servers and callers use, or a go-sockaddr template. Vault listens on all addresses.
   * @default "{{ GetPrivateIP }}"
   */
  readonly advertiseAddress?: string;
  /** Name of the server among the servers. @default an id that Vault creates and keeps with its data */
  readonly nodeName?: string;
  /** Whether Vault serves its UI. @default true */
  readonly ui?: boolean;
  /** Path of the directory with plugins that do not come with Vault. @default none */
  readonly pluginDirectory?: string;
  /** @default "info" */
  readonly logLevel?: "trace" | "debug" | "info" | "warn" | "error";
  /**
   * Any other settings of the server, written to a separate file that Vault reads last. They must not contain secrets.
   * @default none
   * @see https://developer.hashicorp.com/vault/docs/configuration
   */
  readonly override?: Readonly<Record<string, unknown>>;
}

/** The directory with the configuration of Vault. */
export const vaultFolder = "/etc/vault.d";
/** Where Vault keeps its data, which is encrypted. */
export const vaultData = "/opt/vault";

/**
 * A Vault server with integrated storage and TLS on port 8200. A new cluster is initialized once, with `vault operator init`.
 *
 * @see https://developer.hashicorp.com/vault/docs/configuration
 */
export function vaultServer(options: VaultServerOptions): HostRole {
  const owner = "vault:vault";
  const { tls, seal, advertiseAddress = "{{ GetPrivateIP }}" } = options;
  return {
    packages: [{ name: "vault", version: options.version, installTo: "/usr/local/bin" }],
    users: [{ name: "vault", home: vaultFolder }],
    directories: [
      { path: vaultFolder, mode: "0750", owner },
      { path: vaultData, mode: "0700", owner },
    ],
    files: [
      {
        path: `${vaultFolder}/vault.json`,
        mode: "0640",
        owner,
        content: json({
          api_addr: `https://${advertiseAddress}:8200`,
          cluster_addr: `https://${advertiseAddress}:8201`,
          // Vault's own advice for integrated storage, whose file is mapped into memory as a whole.
          disable_mlock: true,
          ui: options.ui ?? true,
          log_level: options.logLevel ?? "info",
          plugin_directory: options.pluginDirectory,
          storage: {
            raft: {
              path: vaultData,
              node_id: options.nodeName,
              // As with Consul: the default suits a very small machine, and takes five times as long to elect another active server.
              performance_multiplier: 1,
              retry_join: options.retryJoin?.map((server) => ({
                ...leader(server),
                leader_ca_cert_file: tls.caFile,
              })),
            },
          },
          listener: {
            tcp: { address: "0.0.0.0:8200", tls_cert_file: tls.certFile, tls_key_file: tls.keyFile },
          },
          seal: seal?.block,
        }),
      },
      ...(options.override
        ? [{ path: `${vaultFolder}/override.json`, mode: "0640", owner, content: json(options.override) }]
        : []),
    ],
    units: [
      {
        name: "vault",
        description: "Vault server",
        command: ["/usr/local/bin/vault", "server", `-config=${vaultFolder}`],
        user: "vault",
        notify: true,
        killSignal: "SIGINT",
      },
    ],
  };
}

function leader(server: string): object {
  return server.includes("=") ? { auto_join: server } : { leader_api_addr: `https://${server}:8200` };
}
