import { Construct } from "constructs";
import * as is from "../core/shape";
import { NomadAclPolicy } from "./nomad-acl-policy";

/** Options of {@link NomadOperatorPolicy}. */
export interface NomadOperatorPolicyOptions {
  /** @default "operator" */
  readonly name?: string;
  /**
   * Whether operators may run commands inside tasks. There they see what the task sees, its secrets too.
   *
   * @default false
   */
  readonly exec?: boolean;
}

const OPERATOR_SHAPE: is.Shape<NomadOperatorPolicyOptions> = { name: is.text, exec: is.flag };

/**
 * What people who run the cluster need day by day: to look at everything, to restart and stop allocations, to drain nodes.
 * Jobs change by code, so they may not submit one; nor do they see Nomad's variables.
 */
export class NomadOperatorPolicy extends Construct {
  /** The policy. A token gets it by its name: `nomad acl token create -policy <name>`. */
  readonly policy: NomadAclPolicy;

  constructor(scope: Construct, id: string, options: NomadOperatorPolicyOptions = {}) {
    super(scope, id);
    is.refuseWrongValues(this, options, OPERATOR_SHAPE);
    const { name = "operator", exec = false } = options;
    this.policy = new NomadAclPolicy(this, "Policy", {
      name,
      description: "Operators: read everything, restart allocations, drain nodes",
      rules: {
        agent: "read",
        node: "write",
        operator: "read",
        plugin: "read",
        namespace: {
          "*": {
            policy: "read",
            capabilities: ["alloc-lifecycle", "read-fs", "read-logs", ...(exec ? (["alloc-exec"] as const) : [])],
          },
        },
        nodePool: { "*": "read" },
      },
    });
  }
}
