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
  /** Name of the policy in Consul: letters, digits, dashes and underscores, at most 128 characters. */
  readonly name: string;
  /** Description of the policy. @default none */
  readonly description?: string;
  /** The rules. Use a function if they depend on later statements; it is called at synthesis. */
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
 * A Consul ACL policy with typed rules, which can be attached to tokens.
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

  /**
   * @throws MeshError if Consul would reject the name
   */
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
   * Attaches the policy to an existing token.
   *
   * @param accessorId accessor id of the token; the secret is not needed
   */
  attachTo(id: string, accessorId: string): AclTokenPolicyAttachment {
    is.refuseWrongArgument(this, "accessorId", accessorId, is.name);
    // An attachment reads the token, adds its policy and writes the token. Two at the same time would overwrite each other.
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
