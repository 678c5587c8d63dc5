import { Construct } from "constructs";
import * as is from "../core/shape";
import { ConsulAclPolicy } from "./consul-acl-policy";
import { type ConsulAclRules, forPrefixes } from "../consul/acl-rules";
import { REPLICATION_TOKEN, type TokenRole, WELL_KNOWN_TOKENS } from "../consul/well-known-tokens";

/** The roles whose policies {@link RolePolicies} creates: all owners of tokens except the anonymous one. */
export type PolicyRole = Exclude<TokenRole, "anonymous">;

/** Options of {@link RolePolicies}. */
export interface RolePoliciesOptions {
  /**
   * Whether jobs can have a `gateway` block with an ingress or a terminating gateway. Nomad's servers write the config entry of
   * such a gateway. In Consul, this requires permission to write the configuration of the whole mesh.
   *
   * @default true
   */
  readonly gatewaysByNomad?: boolean;
  /**
   * Name of the service as which Nomad's servers are registered in the catalog.
   *
   * @default "nomad"
   * @see https://developer.hashicorp.com/nomad/docs/configuration/consul#server_service_name
   */
  readonly nomadServiceName?: string;
  /** Prefixes of keys that operators can write. @default none */
  readonly operatorKeyPrefixes?: readonly string[];
  /**
   * Whether the datacenter is the primary one of a WAN federation, whose other datacenters copy ACLs and config entries.
   *
   * @default false
   */
  readonly replication?: boolean;
}

const ROLES_SHAPE: is.Shape<RolePoliciesOptions> = {
  gatewaysByNomad: is.flag,
  nomadServiceName: is.name,
  operatorKeyPrefixes: is.list(is.text),
  replication: is.flag,
};

/**
 * The permissions of agents, Prometheus and operators in Consul. Each role gets only the permissions that it needs. The policies
 * are attached to the tokens that the hosts have created without a policy.
 *
 * @see {@link WELL_KNOWN_TOKENS}
 */
export class RolePolicies extends Construct {
  private readonly byRole: Readonly<Record<PolicyRole, ConsulAclPolicy>>;

  constructor(scope: Construct, id: string, options: RolePoliciesOptions = {}) {
    super(scope, id);
    is.refuseWrongValues(this, options, ROLES_SHAPE);
    const attach = (name: string, token: string, description: string, rules: ConsulAclRules) => {
      const policy = new ConsulAclPolicy(this, name, { name, description, rules });
      policy.attachTo("Attachment", token);
      return policy;
    };
    const add = (role: PolicyRole, description: string, rules: ConsulAclRules) =>
      attach(role, WELL_KNOWN_TOKENS[role], description, rules);
    this.byRole = {
      "consul-agent": add("consul-agent", "Consul agents: update their node in the catalog", consulAgent),
      "nomad-server": add(
        "nomad-server",
        "Nomad servers: register themselves, discover each other, write the entries of gateways",
        nomadServer(options),
      ),
      "nomad-client": add(
        "nomad-client",
        "Nomad clients: register themselves, discover servers, deregister the services of their jobs",
        nomadClient,
      ),
      prometheus: add("prometheus", "Prometheus: discovers targets, reads the agents' metrics", prometheus),
      operator: add("operator", "Operators: read everything but the gossip key, write intentions", operator(options)),
    };
    if (options.replication === true) {
      const description = "Consul servers of other datacenters: copy ACLs and config entries";
      attach("consul-replication", REPLICATION_TOKEN, description, replication);
    }
  }

  /** Returns the policy of a role, for example to attach it to more tokens. */
  of(role: PolicyRole): ConsulAclPolicy {
    return this.byRole[role];
  }
}

/** Permission to discover services without reading which service can reach which. */
const catalogOnly = { policy: "read", intentions: "deny" } as const;

/**
 * An agent writes its own node, and thereby removes services whose tokens no longer exist. It reads the defaults of services. Its
 * host uses the same token to record whose turn it is to restart agents, and which of the cluster's secrets it has received.
 *
 * @see https://developer.hashicorp.com/consul/docs/secure/acl/token/agent
 */
const consulAgent: ConsulAclRules = {
  key: { "meshform/turn": "write", "meshform/rotation": "read" },
  keyPrefix: { "meshform/hosts/": "write" },
  nodePrefix: { "": "write" },
  servicePrefix: { "": catalogOnly },
};

/**
 * Of the permissions in Nomad's manual, servers with workload identities do not need `acl = "write"`, with which they previously
 * created tokens for services, and write access to all services and nodes.
 *
 * @see https://developer.hashicorp.com/nomad/docs/secure/acl/consul#nomad-agents
 */
function nomadServer({ gatewaysByNomad = true, nomadServiceName = "nomad" }: RolePoliciesOptions): ConsulAclRules {
  return {
    mesh: gatewaysByNomad ? "write" : undefined,
    agentPrefix: { "": "read" },
    nodePrefix: { "": "read" },
    service: { [nomadServiceName]: "write" },
  };
}

/**
 * A service is registered with the token of its workload but deregistered with the token of the client, because the token of the
 * workload may no longer exist at that time.
 *
 * @see https://developer.hashicorp.com/nomad/docs/secure/acl/consul#nomad-agents
 */
const nomadClient: ConsulAclRules = {
  agentPrefix: { "": "read" },
  nodePrefix: { "": "read" },
  servicePrefix: { "": { policy: "write", intentions: "deny" } },
};

/** @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/#consul_sd_config */
const prometheus: ConsulAclRules = {
  agentPrefix: { "": "read" },
  nodePrefix: { "": "read" },
  servicePrefix: { "": catalogOnly },
};

/**
 * Copies of tokens contain their secrets, which only `acl = "write"` shows. The CA of another datacenter is signed, and its mesh gateways are
 * made known, with `operator = "write"`.
 *
 * @see https://developer.hashicorp.com/consul/docs/secure/acl/token/replication
 */
const replication: ConsulAclRules = {
  acl: "write",
  operator: "write",
  servicePrefix: { "": { policy: "read", intentions: "read" } },
};

/** Operators can write intentions manually, to isolate a service between deployments. All other persistent changes are made by code. */
function operator({ operatorKeyPrefixes = [] }: RolePoliciesOptions): ConsulAclRules {
  return {
    acl: "read",
    mesh: "read",
    operator: "read",
    peering: "read",
    agentPrefix: { "": "read" },
    eventPrefix: { "": "read" },
    keyPrefix: { "": "read", ...forPrefixes(operatorKeyPrefixes, "write") },
    nodePrefix: { "": "read" },
    queryPrefix: { "": "read" },
    servicePrefix: { "": { policy: "read", intentions: "write" } },
    sessionPrefix: { "": "read" },
  };
}
