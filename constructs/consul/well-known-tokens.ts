/**
 * The accessor ids of the tokens that are there before Terraform is.
 *
 * The hosts create these tokens at boot, without a policy, and keep the secrets to themselves; what each may do is attached to
 * its accessor id afterwards. An accessor id names a token and grants nothing, so it may stand in code, plans and logs.
 *
 * @see https://developer.hashicorp.com/consul/docs/security/acl/tokens
 */
export const WELL_KNOWN_TOKENS = {
  /** The token of requests without one. Consul creates it. */
  anonymous: "00000000-0000-0000-0000-000000000002",
  /** Each Consul agent, servers too: `acl.tokens.agent`. */
  "consul-agent": "7c68e1e6-5109-4557-9fc6-d8bcc1fd6184",
  /** Each Nomad server. */
  "nomad-server": "43a3de01-e634-407f-9e26-4ba861d6853c",
  /** Each Nomad client. */
  "nomad-client": "fbc02a3d-519f-439c-9c18-253ccde8939e",
  /** Prometheus, which discovers what to scrape and scrapes the agents. */
  prometheus: "d2285a8c-9c06-491e-a6f5-d10381709cfa",
  /** People who run the mesh. */
  operator: "8411b749-bfed-4af6-954c-0c8e44138e61",
} as const;

/** Who has a token that is there before Terraform is. */
export type TokenRole = keyof typeof WELL_KNOWN_TOKENS;
