import { Construct } from "constructs";
import * as is from "../core/shape";
import { ConsulAclPolicy } from "./consul-acl-policy";
import { forPrefixes } from "../consul/acl-rules";

/** Options of {@link ConsulDeployerPolicy}. */
export interface ConsulDeployerPolicyOptions {
  /** @default "mesh-deployer" */
  readonly name?: string;
  /** Only services whose names begin with one of these. @default all */
  readonly servicePrefixes?: readonly string[];
  /**
   * Whether it may write what concerns the mesh as a whole: proxy-defaults, the entry `mesh`, gateways, routes, JWT providers.
   *
   * @default true
   */
  readonly mesh?: boolean;
  /** Prefixes of nodes that it may register, for services outside the mesh. @default none */
  readonly nodePrefixes?: readonly string[];
  /** Prefixes of keys that it may write. @default none */
  readonly keyPrefixes?: readonly string[];
}

const DEPLOYER_SHAPE: is.Shape<ConsulDeployerPolicyOptions> = {
  name: is.text,
  servicePrefixes: is.list(is.text),
  mesh: is.flag,
  nodePrefixes: is.list(is.text),
  keyPrefixes: is.list(is.text),
};

/**
 * What the deployer of mesh stacks needs in Consul: config entries and intentions. No token has it at first, see
 * docs/access.md.
 *
 * The right to write a service's config entries is also the right to register instances of it and to get its certificate:
 * Consul does not tell them apart. So this belongs to a pipeline, not to people.
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
    } = options;
    this.policy = new ConsulAclPolicy(this, "Policy", {
      name,
      description: "Deployer of mesh stacks: config entries and intentions",
      rules: {
        mesh: mesh ? "write" : undefined,
        keyPrefix: forPrefixes(keyPrefixes, "write"),
        nodePrefix: forPrefixes(nodePrefixes, "write"),
        servicePrefix: {
          // A route, a split or a failover may lead to a service of another team.
          "": { policy: "read", intentions: "deny" },
          ...forPrefixes(servicePrefixes, { policy: "write", intentions: "write" }),
        },
      },
    });
  }
}
