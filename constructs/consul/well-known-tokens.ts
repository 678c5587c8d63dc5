/**
 * The accessor ids of the tokens that exist before Terraform is applied.
 *
 * The hosts create these tokens at boot without a policy, and store their secrets in the secret store. Policies are attached to
 * the accessor ids afterwards. An accessor id identifies a token but grants nothing, so it can be part of code, plans and logs.
 *
 * @see https://developer.hashicorp.com/consul/docs/security/acl/tokens
 */
export const WELL_KNOWN_TOKENS = {
  /** The anonymous token, which Consul creates. It applies to requests without a token. */
  anonymous: "00000000-0000-0000-0000-000000000002",
  /** All Consul agents, including servers: `acl.tokens.agent`. */
  "consul-agent": "7c68e1e6-5109-4557-9fc6-d8bcc1fd6184",
  /** All Nomad servers. */
  "nomad-server": "43a3de01-e634-407f-9e26-4ba861d6853c",
  /** All Nomad clients. */
  "nomad-client": "fbc02a3d-519f-439c-9c18-253ccde8939e",
  /** Prometheus, which discovers its targets and scrapes the agents. */
  prometheus: "d2285a8c-9c06-491e-a6f5-d10381709cfa",
  /** People who operate the mesh. */
  operator: "8411b749-bfed-4af6-954c-0c8e44138e61",
} as const;

/**
 * The accessor id of one more token of a WAN federation: Consul's servers outside the primary datacenter copy ACLs and config entries
 * with it (`acl.tokens.replication`).
 *
 * @see https://developer.hashicorp.com/consul/docs/secure/acl/token/replication
 */
export const REPLICATION_TOKEN = "b7a1c1a4-0a0c-4c5e-9d6b-5d4a3f1f2c9e";

/** The owner of a token that exists before Terraform is applied. */
export type TokenRole = keyof typeof WELL_KNOWN_TOKENS;
