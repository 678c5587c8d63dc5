import { AclPolicy as AclPolicyResource } from "@cdktf/provider-nomad/lib/acl-policy";
import { Token } from "cdktf";
import { Construct } from "constructs";
import { addressByIdentity } from "../core/address";
import { attachChecks } from "../checks/attach";
import { accessChecks } from "../checks/rules/access";
import { MeshError } from "../core/errors";
import { escapeTemplate } from "../core/terraform-json";
import * as is from "../core/shape";
import { NOMAD_ACL_RULES_SHAPE, type NomadAclRules, renderNomadRules } from "../nomad/acl-rules";

/** Props of {@link NomadAclPolicy}. */
export interface NomadAclPolicyProps {
  /**
   * Name of the policy in Nomad: letters, digits and dashes, at most 128 characters. The policy `anonymous` applies to requests
   * without a token.
   */
  readonly name: string;
  /** Description of the policy. @default none */
  readonly description?: string;
  /** The rules. At least one is required. */
  readonly rules: NomadAclRules;
}

const POLICY_SHAPE: is.Shape<NomadAclPolicyProps> = {
  name: is.required(is.text),
  description: is.text,
  rules: is.required(is.block(NOMAD_ACL_RULES_SHAPE)),
};

/**
 * A Nomad ACL policy with typed rules. Tokens refer to it by its name.
 *
 * @see https://developer.hashicorp.com/nomad/docs/secure/acl/policies/create-policy
 */
export class NomadAclPolicy extends Construct {
  /** The Terraform resource, for dependencies and lifecycle. */
  readonly resource: AclPolicyResource;

  /**
   * @throws MeshError if Nomad would reject the name, or if there is no rule
   */
  constructor(scope: Construct, id: string, props: NomadAclPolicyProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, POLICY_SHAPE);
    attachChecks(this, accessChecks);
    if (!Token.isUnresolved(props.name) && !/^[A-Za-z0-9-]{1,128}$/.test(props.name)) {
      throw new MeshError(
        this,
        `"${props.name}" cannot be the name of a policy.`,
        "Use letters, digits and dashes, at most 128.",
      );
    }
    const rules = renderNomadRules(this, props.rules);
    if (rules.trim() === "") {
      throw new MeshError(this, "The policy has no rules, so Nomad refuses it.", "Add a rule, or omit the policy.");
    }
    this.resource = new AclPolicyResource(this, "Resource", {
      name: props.name,
      description: props.description,
      rulesHcl: escapeTemplate(rules),
    });
    addressByIdentity(this.resource, props.name);
  }
}
