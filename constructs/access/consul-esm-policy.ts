import { Construct } from "constructs";
import { forPrefixes } from "../consul/acl-rules";
import * as is from "../core/shape";
import { ConsulAclPolicy } from "./consul-acl-policy";

/** Options of {@link ConsulEsmPolicy}. */
export interface ConsulEsmPolicyOptions {
  /** Name of the policy. @default "consul-esm" */
  readonly name?: string;
  /** Prefixes of the names of the services whose health checks it runs. @default none */
  readonly servicePrefixes?: readonly string[];
  /** Prefixes of the names of the nodes that it pings, and removes if they do not answer for long. @default none */
  readonly probedNodePrefixes?: readonly string[];
  /** Name of the service as which Consul ESM registers itself: its setting `consul_service`. @default "consul-esm" */
  readonly esmServiceName?: string;
  /** Prefix of its keys: its setting `consul_kv_path`. @default "consul-esm/" */
  readonly keyPrefix?: string;
  /** Prefixes of the names of the nodes on which it runs. @default all nodes */
  readonly agentNodePrefixes?: readonly string[];
}

const CONSUL_ESM_SHAPE: is.Shape<ConsulEsmPolicyOptions> = {
  name: is.text,
  servicePrefixes: is.list(is.text),
  probedNodePrefixes: is.list(is.text),
  esmServiceName: is.name,
  keyPrefix: is.name,
  agentNodePrefixes: is.list(is.text),
};

/**
 * The permissions in Consul that Consul ESM needs to run the health checks of external services next to a Consul agent. The policy is not
 * attached to a token automatically: see {@link WorkloadAuthMethod.allowTask}.
 *
 * The permission to write the status of a service's check includes the permission to register instances of the service and to get its
 * certificate, because Consul does not distinguish them. List only the services whose checks Consul ESM runs.
 *
 * @see https://developer.hashicorp.com/consul/docs/register/external/esm/configure
 */
export class ConsulEsmPolicy extends Construct {
  /** The policy. */
  readonly policy: ConsulAclPolicy;

  constructor(scope: Construct, id: string, options: ConsulEsmPolicyOptions = {}) {
    super(scope, id);
    is.refuseWrongValues(this, options, CONSUL_ESM_SHAPE);
    const {
      name = "consul-esm",
      servicePrefixes = [],
      probedNodePrefixes = [],
      esmServiceName = "consul-esm",
      keyPrefix = "consul-esm/",
      agentNodePrefixes = [""],
    } = options;
    this.policy = new ConsulAclPolicy(this, "Policy", {
      name,
      description: "Consul ESM: health checks of external services",
      rules: {
        agentPrefix: forPrefixes(agentNodePrefixes, "read"),
        keyPrefix: { [keyPrefix]: "write" },
        nodePrefix: { "": "read", ...forPrefixes(probedNodePrefixes, "write") },
        service: { [esmServiceName]: { policy: "write", intentions: "deny" } },
        servicePrefix: forPrefixes(servicePrefixes, { policy: "write", intentions: "deny" }),
        sessionPrefix: forPrefixes(agentNodePrefixes, "write"),
      },
    });
  }
}
