import * as is from "../core/shape";

/**
 * The Vault that tasks with a `vault` block use. They log in to it with their workload identity, so Nomad needs no token of Vault.
 *
 * @see https://developer.hashicorp.com/nomad/docs/secure/vault
 */
export interface NomadVaultOptions {
  /** Address of Vault as reached from Nomad's clients, such as `https://vault.example.com:8200`. */
  readonly address: string;
  /** Path of a PEM file on the clients with the CA of Vault's certificate. @default the CAs of the machine */
  readonly caFile?: string;
  /** Name that Vault's certificate must contain. @default the host of the address */
  readonly tlsServerName?: string;
  /** Path at which the JWT auth method for Nomad's identities is mounted in Vault. @default "jwt-nomad" */
  readonly jwtAuthBackendPath?: string;
  /** Role of tasks whose `vault` block sets none. @default the default role of the auth method */
  readonly role?: string;
  /** Vault namespace (Enterprise). @default none */
  readonly namespace?: string;
  /** The audiences of the identities, which the roles in Vault require. @default ["vault.io"] */
  readonly audience?: readonly string[];
  /** Lifetime of the identities, as a Go duration. Nomad renews them. @default "1h" */
  readonly identityTtl?: string;
}

/** @internal */
export const NOMAD_VAULT_SHAPE: is.Shape<NomadVaultOptions> = {
  address: is.required(
    is.rule(
      "a URL with https or http",
      "Use an address such as https://vault.example.com:8200.",
      (value) => is.httpUrl(value) !== undefined,
    ),
  ),
  caFile: is.name,
  tlsServerName: is.name,
  jwtAuthBackendPath: is.name,
  role: is.name,
  namespace: is.name,
  audience: is.list(is.name),
  identityTtl: is.durationText,
};

/** The block `vault` of an agent. Servers read the identity, clients everything else. */
export function vaultBlock(options: NomadVaultOptions): object {
  return {
    enabled: true,
    address: options.address,
    ca_file: options.caFile,
    tls_server_name: options.tlsServerName,
    jwt_auth_backend_path: options.jwtAuthBackendPath ?? "jwt-nomad",
    create_from_role: options.role,
    namespace: options.namespace,
    default_identity: { aud: options.audience ?? ["vault.io"], ttl: options.identityTtl ?? "1h" },
  };
}
