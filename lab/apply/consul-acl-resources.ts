import { randomUUID } from "node:crypto";
import { LabError } from "../core/errors";
import type { JsonObject } from "./json";
import {
  type ApplyContext,
  block,
  blocks,
  type Field,
  type Fields,
  type Identity,
  isSame,
  type ResourceType,
  withoutVolatile,
} from "./resource-type";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function links(to: string): Field {
  return {
    to,
    from: (value) => (value as string[]).map((link) => (uuid.test(link) ? { ID: link } : { Name: link })),
  };
}

/** What roles and tokens have in common. */
const grants: Fields = {
  description: "Description",
  policies: links("Policies"),
  service_identities: blocks("ServiceIdentities", { service_name: "ServiceName", datacenters: "Datacenters" }),
  node_identities: blocks("NodeIdentities", { node_name: "NodeName", datacenter: "Datacenter" }),
  templated_policies: blocks("TemplatedPolicies", {
    template_name: "TemplateName",
    template_variables: block("TemplateVariables", { name: "Name" }),
    datacenters: "Datacenters",
  }),
};

/** Policies and roles: Consul gives them an id, and their names are unique. */
function named(kind: "policy" | "role", fields: Fields, required: readonly string[]): ResourceType {
  return {
    fields,
    required,
    identity: ({ Name }) => ({ Name: Name as string }),
    read: async ({ consul }, { Name }) =>
      withoutVolatile(await consul.get(`/v1/acl/${kind}/name/${encodeURIComponent(Name)}`)),
    write: ({ consul }, body, live) => {
      const ID = live?.ID as string | undefined;
      return consul.put(ID === undefined ? `/v1/acl/${kind}` : `/v1/acl/${kind}/${ID}`, { ...body, ID });
    },
    remove: ({ consul }, _, { ID }) => consul.delete(`/v1/acl/${kind}/${ID as string}`),
    attributes: (_, { ID }) => ({ id: ID }),
  };
}

/** @see https://github.com/hashicorp/terraform-provider-consul/blob/main/docs/resources/acl_token.md */
const token: ResourceType = {
  fields: {
    accessor_id: "AccessorID",
    ...grants,
    roles: links("Roles"),
    local: "Local",
    expiration_time: "ExpirationTime",
  },
  required: [],
  // Chosen here and written down before Consul hears of it: an interrupted apply never leaves a token behind.
  identity: ({ AccessorID }, earlier) => ({
    AccessorID: (AccessorID as string | undefined) ?? earlier?.AccessorID ?? randomUUID(),
  }),
  read: async ({ consul }, { AccessorID }) => withoutVolatile(await readToken(consul, AccessorID)),
  write: ({ consul }, body, live, { AccessorID }) =>
    consul.put(live ? `/v1/acl/token/${AccessorID}` : "/v1/acl/token", { ...body, AccessorID }),
  remove: ({ consul }, { AccessorID }) => consul.delete(`/v1/acl/token/${AccessorID}`),
  attributes: ({ AccessorID }) => ({ id: AccessorID, accessor_id: AccessorID }),
};

/** @see https://github.com/hashicorp/terraform-provider-consul/blob/main/docs/resources/acl_token_policy_attachment.md */
const tokenPolicyAttachment: ResourceType = {
  fields: { token_id: "token_id", policy: "policy" },
  required: ["token_id", "policy"],
  identity: ({ token_id, policy }) => ({ token_id: token_id as string, policy: policy as string }),
  read: async ({ consul }, { token_id, policy }) =>
    policiesOf(await readToken(consul, token_id)).some(({ Name }) => Name === policy) ? { policy } : undefined,
  write: (context, _body, _live, { token_id, policy }) =>
    changePolicies(context, token_id, (policies) => [...policies, { Name: policy }]),
  remove: (context, { token_id, policy }) =>
    changePolicies(context, token_id, (policies) => policies.filter(({ Name }) => Name !== policy)),
  attributes: ({ token_id, policy }) => ({ id: `${token_id}:${policy}` }),
};

/** @see https://github.com/hashicorp/terraform-provider-consul/blob/main/docs/resources/acl_auth_method.md */
const authMethod: ResourceType = {
  fields: {
    name: "Name",
    type: "Type",
    display_name: "DisplayName",
    description: "Description",
    max_token_ttl: "MaxTokenTTL",
    token_locality: "TokenLocality",
    config: "Config",
    config_json: { to: "Config", from: (value) => JSON.parse(value as string) as unknown },
  },
  required: ["name", "type"],
  identity: ({ Name, Type }) => ({ Name: Name as string, Type: Type as string }),
  read: async ({ consul }, { Name }) =>
    withoutVolatile(await consul.get(`/v1/acl/auth-method/${encodeURIComponent(Name)}`)),
  write: ({ consul }, body, live, { Name }) =>
    consul.put(live ? `/v1/acl/auth-method/${encodeURIComponent(Name)}` : "/v1/acl/auth-method", body),
  remove: ({ consul }, { Name }) => consul.delete(`/v1/acl/auth-method/${encodeURIComponent(Name)}`),
  attributes: ({ Name }) => ({ id: `auth-method-${Name}` }),
};

const ruleFields = ["AuthMethod", "BindType", "BindName", "Selector", "Description"] as const;

function contentOfRule({ BindVars, ...rule }: JsonObject): Identity {
  // Consul is told in CamelCase, and answers with this one field in lower case.
  const { name, Name = name } = (BindVars ?? {}) as { name?: string; Name?: string };
  const fields = ruleFields.map((field): [string, string] => [field, (rule[field] as string | undefined) ?? ""]);
  return { ...Object.fromEntries(fields), ...(Name !== undefined && { BindVars: Name }) };
}

/**
 * A rule has no name, and Consul chooses its id. So its whole content is its identity: an edited rule is another rule.
 *
 * @see https://github.com/hashicorp/terraform-provider-consul/blob/main/docs/resources/acl_binding_rule.md
 */
const bindingRule: ResourceType = {
  fields: {
    auth_method: "AuthMethod",
    bind_type: "BindType",
    bind_name: "BindName",
    bind_vars: block("BindVars", { name: "Name" }),
    selector: "Selector",
    description: "Description",
  },
  required: ["auth_method", "bind_type", "bind_name"],
  identity: contentOfRule,
  read: async ({ consul }, identity) => {
    const method = encodeURIComponent(identity.AuthMethod);
    const rules = (await consul.get(`/v1/acl/binding-rules?authmethod=${method}`)) as JsonObject[] | undefined;
    return withoutVolatile(rules?.find((rule) => isSame(contentOfRule(rule), identity)));
  },
  write: ({ consul }, body, live) => (live ? Promise.resolve() : consul.put("/v1/acl/binding-rule", body)),
  remove: ({ consul }, _, { ID }) => consul.delete(`/v1/acl/binding-rule/${ID as string}`),
  attributes: (_, { ID }) => ({ id: ID }),
};

export const consulAclResources: Readonly<Record<string, ResourceType>> = {
  consul_acl_policy: named(
    "policy",
    { name: "Name", description: "Description", rules: "Rules", datacenters: "Datacenters" },
    ["name", "rules"],
  ),
  consul_acl_role: named("role", { name: "Name", ...grants }, ["name"]),
  consul_acl_token: token,
  consul_acl_token_policy_attachment: tokenPolicyAttachment,
  consul_acl_auth_method: authMethod,
  consul_acl_binding_rule: bindingRule,
};

interface PolicyLink {
  readonly Name: string;
}

async function readToken(consul: ApplyContext["consul"], accessorId: string): Promise<JsonObject | undefined> {
  return (await consul.get(`/v1/acl/token/${accessorId}`)) as JsonObject | undefined;
}

function policiesOf(token: JsonObject | undefined): readonly PolicyLink[] {
  return (token?.Policies as readonly PolicyLink[] | undefined) ?? [];
}

async function changePolicies(
  { consul }: ApplyContext,
  accessorId: string,
  change: (policies: readonly PolicyLink[]) => readonly PolicyLink[],
): Promise<unknown> {
  const token = await readToken(consul, accessorId);
  if (token === undefined) {
    throw new LabError(`Consul has no token with the accessor ID ${accessorId}.`, "Correct the token_id.");
  }
  return consul.put(`/v1/acl/token/${accessorId}`, { ...token, Policies: change(policiesOf(token)) });
}
