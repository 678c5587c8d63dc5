import { Construct } from "constructs";
import * as is from "../core/shape";
import { ConsulAclPolicy } from "./consul-acl-policy";
import { type ConsulAclRules, forPrefixes } from "../consul/acl-rules";
import { WELL_KNOWN_TOKENS } from "../consul/well-known-tokens";

/** What can be read without a token. */
export interface AnonymousPolicyOptions {
  /**
   * Services whose instances and config entries can be read: all, none, or those whose names begin with one of these prefixes.
   *
   * @default true
   */
  readonly services?: boolean | readonly string[];
  /** Nodes that can be read, in the same format. Instances on other nodes are hidden, too. @default true */
  readonly nodes?: boolean | readonly string[];
}

const PREFIXES = is.either({ fits: (value) => typeof value === "boolean", rule: is.flag }, is.list(is.text));
const ANONYMOUS_SHAPE: is.Shape<AnonymousPolicyOptions> = { services: PREFIXES, nodes: PREFIXES };

/**
 * A policy for requests to Consul without a token. By default they can read only the catalog of services and nodes, as DNS needs
 * it. They cannot read which service can reach which, although read access to a service includes this by default.
 *
 * @see https://developer.hashicorp.com/consul/docs/secure/acl/token/anonymous
 */
export class AnonymousPolicy extends Construct {
  /** The policy `anonymous`, which is attached to Consul's anonymous token. */
  readonly policy: ConsulAclPolicy;

  constructor(scope: Construct, id: string, options: AnonymousPolicyOptions = {}) {
    super(scope, id);
    is.refuseWrongValues(this, options, ANONYMOUS_SHAPE);
    const rules: ConsulAclRules = {
      nodePrefix: forPrefixes(prefixesOf(options.nodes), "read"),
      servicePrefix: forPrefixes(prefixesOf(options.services), { policy: "read", intentions: "deny" }),
    };
    this.policy = new ConsulAclPolicy(this, "Policy", {
      name: "anonymous",
      description: "Access of requests without a token",
      rules,
    });
    this.policy.attachTo("Attachment", WELL_KNOWN_TOKENS.anonymous);
  }
}

function prefixesOf(shown: boolean | readonly string[] = true): readonly string[] {
  if (typeof shown === "boolean") {
    return shown ? [""] : [];
  }
  return shown;
}
