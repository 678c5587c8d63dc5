import { LabError } from "../core/errors";
import { blocksOf, isObject, type JsonObject } from "./json";
import { block, blocks, type ApplyContext, type ResourceType, withoutVolatile } from "./resource-type";

/** @see https://github.com/hashicorp/terraform-provider-consul/blob/main/docs/resources/config_entry.md */
const configEntry: ResourceType = {
  fields: { kind: "Kind", name: "Name", config_json: "config_json" },
  required: ["kind", "name"],
  body: ({ config_json: json = "{}", ...names }) => {
    const entry: unknown = JSON.parse(json as string);
    if (!isObject(entry)) throw new Error("its config_json is no JSON object");
    // Consul itself would take them, but the Terraform provider drops them without a word.
    const snakeCase = Object.keys(entry).filter((key) => key.includes("_"));
    if (snakeCase.length > 0) throw new Error(`its config_json must write ${snakeCase.join(", ")} in CamelCase`);
    return { ...entry, ...names };
  },
  identity: ({ Kind, Name }) => ({ Kind: Kind as string, Name: Name as string }),
  // Routes and gateways get a Status from Consul itself.
  read: async ({ consul }, { Kind, Name }) =>
    withoutVolatile(await consul.get(`/v1/config/${Kind}/${Name}`), ["Status"]),
  // There is one entry of the kind `mesh`, so Consul takes no name for it.
  write: ({ consul }, { Name, ...body }) => consul.put("/v1/config", body.Kind === "mesh" ? body : { Name, ...body }),
  remove: ({ consul }, { Kind, Name }) => consul.delete(`/v1/config/${Kind}/${Name}`),
  attributes: ({ Kind, Name }) => ({ id: `${Kind}-${Name}` }),
};

/** @see https://github.com/hashicorp/terraform-provider-consul/blob/main/docs/resources/node.md */
const node: ResourceType = {
  fields: { name: "Node", address: "Address", meta: "NodeMeta" },
  required: ["name", "address"],
  identity: ({ Node, Address }) => ({ Node: Node as string, Address: Address as string }),
  read: async ({ consul }, { Node, Address }) => {
    const found = await nodeIn(consul, Node);
    return found?.Node.Address === Address ? withoutVolatile(found.Node) : undefined;
  },
  write: ({ consul }, body) => consul.put("/v1/catalog/register", body),
  remove: ({ consul }, { Node }) => consul.put("/v1/catalog/deregister", { Node }),
  attributes: ({ Node, Address }) => ({ id: `${Node}-${Address}` }),
};

/** What the provider adds to a check. */
const checkDefaults = { Method: "GET", DeregisterCriticalServiceAfter: "30s" };

/** @see https://github.com/hashicorp/terraform-provider-consul/blob/main/docs/resources/service.md */
const service: ResourceType = {
  fields: {
    name: "Service",
    service_id: "ID",
    node: "Node",
    address: "Address",
    port: "Port",
    tags: "Tags",
    meta: "Meta",
    check: blocks("Checks", {
      check_id: "CheckID",
      name: "Name",
      notes: "Notes",
      status: "Status",
      tcp: "TCP",
      http: "HTTP",
      method: "Method",
      header: {
        to: "Header",
        from: (value) => Object.fromEntries(blocksOf(value).map(({ name, value: text }) => [String(name), text])),
      },
      tls_skip_verify: "TLSSkipVerify",
      interval: "Interval",
      timeout: "Timeout",
      deregister_critical_service_after: "DeregisterCriticalServiceAfter",
    }),
  },
  required: ["name", "node"],
  body: ({ Node, Checks, ...fields }) => {
    const ID = fields.ID ?? fields.Service;
    return {
      Node,
      Service: { ...fields, ID, Meta: { "external-source": "terraform", ...(fields.Meta as JsonObject | undefined) } },
      Checks: (Checks as JsonObject[] | undefined)?.map(({ CheckID, Name, Notes, Status, ...definition }) => {
        return { Node, ServiceID: ID, CheckID, Name, Notes, Status, Definition: { ...checkDefaults, ...definition } };
      }),
      SkipNodeUpdate: true,
    };
  },
  identity: ({ Node, Service }) => ({ Node: Node as string, ID: (Service as { ID: string }).ID }),
  read: async ({ consul }, { Node, ID }) => {
    const found = (await nodeIn(consul, Node))?.Services?.[ID];
    const checks = (await consul.get(`/v1/health/node/${encodeURIComponent(Node)}`)) as JsonObject[] | undefined;
    const own = checks?.filter(({ ServiceID }) => ServiceID === ID);
    // A check's status and output belong to whatever runs it.
    return found && { ...withoutVolatile(found), Checks: own?.map((it) => withoutVolatile(it, ["Status", "Output"])) };
  },
  write: async ({ consul }, body) => {
    const Node = body.Node as string;
    const { Address } = (await nodeIn(consul, Node))?.Node ?? {};
    if (Address === undefined)
      throw new LabError(`Consul has no node ${Node}.`, "Add the node to the stack, before the service.");
    // As the provider does: a service without an address is where its node is.
    return consul.put("/v1/catalog/register", {
      ...body,
      Address,
      Service: { Address, ...(body.Service as JsonObject) },
    });
  },
  remove: ({ consul }, { Node, ID }) => consul.put("/v1/catalog/deregister", { Node, ServiceID: ID }),
  attributes: ({ ID }) => ({ id: ID, service_id: ID }),
};

/**
 * There is one, from the start. Terraform forgets it when it is destroyed, and sets it again when it changes.
 *
 * @see https://github.com/hashicorp/terraform-provider-consul/blob/main/docs/resources/certificate_authority.md
 */
const certificateAuthority: ResourceType = {
  fields: {
    connect_provider: "Provider",
    config_json: { to: "Config", from: (json) => JSON.parse(json as string) as unknown },
  },
  required: ["connect_provider", "config_json"],
  identity: () => ({ name: "consul-ca" }),
  read: async ({ consul }) => {
    const { Provider, Config } = (await consul.get("/v1/connect/ca/configuration")) as JsonObject;
    return { Provider, Config };
  },
  write: ({ consul }, body) => consul.put("/v1/connect/ca/configuration", body),
  remove: () => Promise.resolve(),
  attributes: ({ name }) => ({ id: name }),
};

/**
 * Consul refuses two queries with the same name, and chooses their ids.
 *
 * @see https://github.com/hashicorp/terraform-provider-consul/blob/main/docs/resources/prepared_query.md
 */
const preparedQuery: ResourceType = {
  fields: {
    name: "Name",
    service: "Service",
    tags: "Tags",
    near: "Near",
    only_passing: "OnlyPassing",
    connect: "Connect",
    ignore_check_ids: "IgnoreCheckIDs",
    node_meta: "NodeMeta",
    service_meta: "ServiceMeta",
    failover: block("Failover", {
      nearest_n: "NearestN",
      datacenters: "Datacenters",
      targets: blocks("Targets", { peer: "Peer", datacenter: "Datacenter" }),
    }),
    dns: block("DNS", { ttl: "TTL" }),
    template: block("Template", { type: "Type", regexp: "Regexp", remove_empty_tags: "RemoveEmptyTags" }),
  },
  required: ["name", "service"],
  body: ({ Name, DNS, Template, ...service }) => ({ Name, DNS, Template, Service: service }),
  identity: ({ Name }) => ({ Name: Name as string }),
  read: async ({ consul }, { Name }) => {
    const queries = (await consul.get("/v1/query")) as JsonObject[] | undefined;
    return withoutVolatile(queries?.find((query) => query.Name === Name));
  },
  write: ({ consul }, body, live) => {
    const ID = live?.ID as string | undefined;
    return ID === undefined ? consul.post("/v1/query", body) : consul.put(`/v1/query/${ID}`, { ...body, ID });
  },
  remove: ({ consul }, _, { ID }) => consul.delete(`/v1/query/${ID as string}`),
  attributes: (_, { ID }) => ({ id: ID }),
};

export const consulResources: Readonly<Record<string, ResourceType>> = {
  consul_certificate_authority: certificateAuthority,
  consul_config_entry: configEntry,
  consul_node: node,
  consul_prepared_query: preparedQuery,
  consul_service: service,
};

interface CatalogNode {
  readonly Node: JsonObject & { readonly Address: string };
  readonly Services?: Readonly<Record<string, JsonObject>>;
}

async function nodeIn(consul: ApplyContext["consul"], name: string): Promise<CatalogNode | undefined> {
  const found = await consul.get(`/v1/catalog/node/${encodeURIComponent(name)}`);
  return (found ?? undefined) as CatalogNode | undefined;
}
