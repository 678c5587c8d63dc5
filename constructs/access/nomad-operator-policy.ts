import { Construct } from "constructs";
import * as is from "../core/shape";
import { NomadAclPolicy } from "./nomad-acl-policy";

/** Options of {@link NomadOperatorPolicy}. */
export interface NomadOperatorPolicyOptions {
  /** Name of the policy. @default "operator" */
  readonly name?: string;
  /**
   * Whether operators can run commands inside tasks. These commands can read everything that the task can read, including its
   * secrets.
   *
   * @default false
   */
  readonly exec?: boolean;
}

const OPERATOR_SHAPE: is.Shape<NomadOperatorPolicyOptions> = { name: is.text, exec: is.flag };

/**
 * The permissions in Nomad that operators need: read everything, restart and stop allocations, drain nodes. They cannot submit
 * jobs, which are changed only by code, and cannot read Nomad's variables.
 */
export class NomadOperatorPolicy extends Construct {
  /** The policy. To create a token with it, run `nomad acl token create -policy <name>`. */
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
