import { AclPolicy as AclPolicyResource } from "@cdktf/provider-consul/lib/acl-policy";
import { AclTokenPolicyAttachment } from "@cdktf/provider-consul/lib/acl-token-policy-attachment";
import { TerraformStack, Token } from "cdktf";
import { Construct } from "constructs";
import { addressByIdentity } from "../core/address";
import { attachChecks } from "../checks/attach";
import { accessChecks } from "../checks/rules/access";
import { MeshError } from "../core/errors";
import { escapeTemplate, lazyText } from "../core/terraform-json";
import * as is from "../core/shape";
import { CONSUL_ACL_RULES_SHAPE, type ConsulAclRules, renderConsulRules } from "../consul/acl-rules";

/** Props of {@link ConsulAclPolicy}. */
export interface ConsulAclPolicyProps {
  /** Name of the policy in Consul: letters, digits, dashes and underscores, at most 128. */
  readonly name: string;
  /** What it is for. @default none */
  readonly description?: string;
  /** Where they depend on what is said later: a function, asked at synthesis. */
  readonly rules: ConsulAclRules | (() => ConsulAclRules);
}

const POLICY_SHAPE: is.Shape<ConsulAclPolicyProps> = {
  name: is.required(is.text),
  description: is.text,
  rules: is.required(
    is.either({ fits: (value) => typeof value === "function", rule: is.anything }, is.block(CONSUL_ACL_RULES_SHAPE)),
  ),
};

/**
 * A policy of Consul, typed, and the tokens that have it.
 *
 * @example
 * const policy = new ConsulAclPolicy(stack, "readers", { name: "readers", rules: { servicePrefix: { "": "read" } } });
 * policy.attachTo("Anonymous", WELL_KNOWN_TOKENS.anonymous);
 * @see https://developer.hashicorp.com/consul/docs/secure/acl/policy
 */
export class ConsulAclPolicy extends Construct {
  /** The Terraform resource, for dependencies and lifecycle. */
  readonly resource: AclPolicyResource;

  private readonly name: string;

  /** @throws MeshError for a name that Consul refuses */
  constructor(scope: Construct, id: string, props: ConsulAclPolicyProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, POLICY_SHAPE);
    attachChecks(this, accessChecks);
    if (!Token.isUnresolved(props.name) && !/^[\w-]{1,128}$/.test(props.name)) {
      throw new MeshError(
        this,
        `"${props.name}" cannot be the name of a policy.`,
        "Use letters, digits, dashes and underscores, at most 128.",
      );
    }
    const { name, description, rules } = props;
    this.name = name;
    const render = (known: ConsulAclRules) => escapeTemplate(renderConsulRules(this, known));
    this.resource = new AclPolicyResource(this, "Resource", {
      name,
      description,
      rules: typeof rules === "function" ? lazyText(() => render(rules())) : render(rules),
    });
    addressByIdentity(this.resource, name);
  }

  /**
   * Gives the policy to a token that is there already.
   *
   * @param accessorId what names the token; its secret is neither needed nor seen
   */
  attachTo(id: string, accessorId: string): AclTokenPolicyAttachment {
    is.refuseWrongArgument(this, "accessorId", accessorId, is.name);
    // An attachment reads the token, adds its policy and writes the token back. Two at once would undo each other.
    const attachments = attachmentsIn(TerraformStack.of(this));
    const previous = attachments.get(accessorId);
    const attachment = new AclTokenPolicyAttachment(this, id, {
      tokenId: accessorId,
      policy: this.resource.name,
      dependsOn: previous && [previous],
    });
    addressByIdentity(attachment, this.name, accessorId);
    attachments.set(accessorId, attachment);
    return attachment;
  }
}

/** Shared by all copies of the library that an app may have. */
const LATEST = Symbol.for("meshform.latest-attachments");

function attachmentsIn(
  stack: TerraformStack & { [LATEST]?: Map<string, AclTokenPolicyAttachment> },
): Map<string, AclTokenPolicyAttachment> {
  return (stack[LATEST] ??= new Map<string, AclTokenPolicyAttachment>());
}
