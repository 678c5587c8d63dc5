import { Construct } from "constructs";
import * as is from "../core/shape";
import { NomadAclPolicy } from "./nomad-acl-policy";
import type { NomadNamespaceAccess } from "../nomad/acl-rules";

/** Options of {@link NomadAnonymousPolicy}. */
export interface NomadAnonymousPolicyOptions {
  /**
   * What is shown of each namespace: `list` the jobs with their state, `read` also what they consist of, environment
   * variables included.
   */
  readonly namespaces: Readonly<Record<string, "list" | "read">>;
}

const ANONYMOUS_SHAPE: is.Shape<NomadAnonymousPolicyOptions> = {
  namespaces: is.required(
    is.literal(is.map(is.oneOf(["list", "read"])), "Use a literal value: the rules depend on it."),
  ),
};

/**
 * What Nomad shows to requests without a token. Without this policy that is nothing but the keys that verify its workload
 * identities, its leader, its metrics and its health.
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
