import { Construct } from "constructs";
import * as is from "../core/shape";
import { ConsulAclPolicy } from "./consul-acl-policy";
import { type ConsulAclRules, forPrefixes } from "../consul/acl-rules";
import { type TokenRole, WELL_KNOWN_TOKENS } from "../consul/well-known-tokens";

/** Whose rights {@link RolePolicies} sets: all that have a token but the anonymous. */
export type PolicyRole = Exclude<TokenRole, "anonymous">;

/** Options of {@link RolePolicies}. */
export interface RolePoliciesOptions {
  /**
   * Whether jobs may have a `gateway` block with an ingress or a terminating gateway: Nomad's servers write the config entry
   * of such a gateway, for which Consul knows no smaller right than all that concerns the mesh as a whole.
   *
   * @default true
   */
  readonly gatewaysByNomad?: boolean;
  /**
   * The name under which Nomad's servers are in the catalog.
   *
   * @default "nomad"
   * @see https://developer.hashicorp.com/nomad/docs/configuration/consul#server_service_name
   */
  readonly nomadServiceName?: string;
  /** Prefixes of keys that operators may write. @default none */
  readonly operatorKeyPrefixes?: readonly string[];
}

const ROLES_SHAPE: is.Shape<RolePoliciesOptions> = {
  gatewaysByNomad: is.flag,
  nomadServiceName: is.name,
  operatorKeyPrefixes: is.list(is.text),
};

/**
 * What the agents, Prometheus and the operators may do in Consul: what each needs and no more, attached to the tokens that
 * the hosts have made without a policy.
 *
 * @see {@link WELL_KNOWN_TOKENS}
 */
export class RolePolicies extends Construct {
  private readonly byRole: Readonly<Record<PolicyRole, ConsulAclPolicy>>;

  constructor(scope: Construct, id: string, options: RolePoliciesOptions = {}) {
    super(scope, id);
    is.refuseWrongValues(this, options, ROLES_SHAPE);
    const add = (role: PolicyRole, description: string, rules: ConsulAclRules) => {
      const policy = new ConsulAclPolicy(this, role, { name: role, description, rules });
      policy.attachTo("Attachment", WELL_KNOWN_TOKENS[role]);
      return policy;
    };
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
  }

  /** The policy of a role, to attach it to more tokens. */
  of(role: PolicyRole): ConsulAclPolicy {
    return this.byRole[role];
  }
}

/** To find services without seeing which service can reach which. */
const catalogOnly = { policy: "read", intentions: "deny" } as const;

/**
 * An agent writes its own node, and by that removes services whose tokens are gone. It resolves the defaults of services. Its
 * host says with the same token whose turn it is to restart agents, and which of the cluster's secrets it has taken.
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
 * Of what Nomad's manual lists, servers with workload identity need neither `acl = "write"`, which made tokens for services
 * before, nor the right to write all services and nodes.
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
 * A service is registered with the token of its workload, but deregistered with the client's own: the workload's may be gone
 * by then.
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

/** Intentions may be written manually, to cut off a service between deployments; all else that lasts comes from code. */
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
