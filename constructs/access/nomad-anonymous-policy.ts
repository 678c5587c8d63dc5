import { Construct } from "constructs";
import * as is from "../core/shape";
import { NomadAclPolicy } from "./nomad-acl-policy";
import type { NomadNamespaceAccess } from "../nomad/acl-rules";

/** Options of {@link NomadAnonymousPolicy}. */
export interface NomadAnonymousPolicyOptions {
  /**
   * The access to each namespace: `list` shows the jobs with their state, `read` also their specification, including environment
   * variables.
   */
  readonly namespaces: Readonly<Record<string, "list" | "read">>;
}

const ANONYMOUS_SHAPE: is.Shape<NomadAnonymousPolicyOptions> = {
  namespaces: is.required(
    is.literal(is.map(is.oneOf(["list", "read"])), "Use a literal value: the rules depend on it."),
  ),
};

/**
 * A policy for requests to Nomad without a token. Without it, they can read only the keys that verify Nomad's workload
 * identities, the leader, the metrics and the health.
 *
 * @see https://developer.hashicorp.com/nomad/docs/secure/acl/tokens#anonymous-token
 */
export class NomadAnonymousPolicy extends Construct {
  /** The policy `anonymous`, which Nomad applies to requests without a token. */
  readonly policy: NomadAclPolicy;

  constructor(scope: Construct, id: string, options: NomadAnonymousPolicyOptions) {
    super(scope, id);
    is.refuseWrongValues(this, options, ANONYMOUS_SHAPE);
    const { namespaces } = options;
    const shown = Object.entries(namespaces).map(([namespace, what]): [string, NomadNamespaceAccess] => [
      namespace,
      { capabilities: what === "list" ? ["list-jobs"] : ["list-jobs", "read-job"] },
    ]);
    this.policy = new NomadAclPolicy(this, "Policy", {
      name: "anonymous",
      description: "Access of requests without a token",
      rules: { namespace: Object.fromEntries(shown) },
    });
  }
}
