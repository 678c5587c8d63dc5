import { Construct } from "constructs";
import * as is from "../core/shape";
import { ConsulAclPolicy } from "./consul-acl-policy";
import { forPrefixes } from "../consul/acl-rules";

/** Options of {@link ConsulDeployerPolicy}. */
export interface ConsulDeployerPolicyOptions {
  /** Name of the policy. @default "mesh-deployer" */
  readonly name?: string;
  /** Prefixes of the names of services that it can deploy. @default all services */
  readonly servicePrefixes?: readonly string[];
  /**
   * Whether it can write the configuration of the whole mesh: proxy-defaults, the entry `mesh`, gateways, routes, JWT providers.
   *
   * @default true
   */
  readonly mesh?: boolean;
  /** Prefixes of nodes that it can register, for services outside the mesh. @default none */
  readonly nodePrefixes?: readonly string[];
  /** Prefixes of keys that it can write. @default none */
  readonly keyPrefixes?: readonly string[];
  /** Prefixes of the names of prepared queries that it can write. @default none */
  readonly queryPrefixes?: readonly string[];
}

const DEPLOYER_SHAPE: is.Shape<ConsulDeployerPolicyOptions> = {
  name: is.text,
  servicePrefixes: is.list(is.text),
  mesh: is.flag,
  nodePrefixes: is.list(is.text),
  keyPrefixes: is.list(is.text),
  queryPrefixes: is.list(is.text),
};

/**
 * The permissions in Consul that are needed to deploy mesh stacks: config entries and intentions. The policy is not attached to a
 * token automatically; see docs/access.md.
 *
 * The permission to write a service's config entries includes the permission to register instances of the service and to get its
 * certificate, because Consul does not distinguish them. Therefore use this policy for a pipeline, not for people.
 */
export class ConsulDeployerPolicy extends Construct {
  /** The policy. Attach it to a token with {@link ConsulAclPolicy.attachTo}. */
  readonly policy: ConsulAclPolicy;

  constructor(scope: Construct, id: string, options: ConsulDeployerPolicyOptions = {}) {
    super(scope, id);
    is.refuseWrongValues(this, options, DEPLOYER_SHAPE);
    const {
      name = "mesh-deployer",
      servicePrefixes = [""],
      mesh = true,
      nodePrefixes = [],
      keyPrefixes = [],
      queryPrefixes = [],
    } = options;
    this.policy = new ConsulAclPolicy(this, "Policy", {
      name,
      description: "Deployer of mesh stacks: config entries and intentions",
      rules: {
        mesh: mesh ? "write" : undefined,
        keyPrefix: forPrefixes(keyPrefixes, "write"),
        nodePrefix: forPrefixes(nodePrefixes, "write"),
        queryPrefix: forPrefixes(queryPrefixes, "write"),
        servicePrefix: {
          // A route, a split or a failover can refer to a service of another team.
          "": { policy: "read", intentions: "deny" },
          ...forPrefixes(servicePrefixes, { policy: "write", intentions: "write" }),
        },
      },
    });
  }
}
