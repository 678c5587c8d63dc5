import type { IConstruct } from "constructs";
import { type HclBlock, renderHcl } from "../core/hcl";
import * as is from "../core/shape";

/** The access level of a rule. `deny` overrides all other policies of the same token. */
export type ConsulAccess = "deny" | "read" | "write";

/** `list` is `read` with permission to list recursively, if agents have `acl.enable_key_list_policy`. */
export type ConsulKeyAccess = ConsulAccess | "list";

/** The access to a service. */
export interface ConsulServiceAccess {
  /** Access to the service itself and its config entries. */
  readonly policy: ConsulAccess;
  /**
   * Access to the intentions whose destination is the service.
   *
   * @default "read" for a policy that is "read" or "write"
   */
  readonly intentions?: ConsulAccess;
}

/**
 * The rules of a Consul policy, with Consul's own names. `node: { a: "read" }` applies to the node `a`,
 * `nodePrefix: { a: "read" }` to every node whose name starts with `a`, and the prefix `""` to all. Resources without a rule are
 * subject to the cluster's default policy.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/acl/rule
 */
export interface ConsulAclRules {
  /** The access rules themselves. Without `write`, the secrets of tokens are hidden. */
  readonly acl?: ConsulAccess;
  /** The gossip key. `read` shows it. */
  readonly keyring?: ConsulAccess;
  /** Configuration of the whole mesh: proxy-defaults, gateways, routes, JWT providers. @default as `operator` */
  readonly mesh?: ConsulAccess;
  /** Raft, autopilot and the CA. */
  readonly operator?: ConsulAccess;
  /** Cluster peerings: `read` lists them, `write` establishes and deletes them. @default as `operator` */
  readonly peering?: ConsulAccess;
  /** The agents' own API: configuration, metrics and logs. By node name. */
  readonly agent?: Rules<ConsulAccess>;
  /** As `agent`, by prefix of the node name. @default none */
  readonly agentPrefix?: Rules<ConsulAccess>;
  /** User events, by name: `read` lists them, `write` fires them. @default none */
  readonly event?: Rules<ConsulAccess>;
  /** As `event`, by prefix of the name. @default none */
  readonly eventPrefix?: Rules<ConsulAccess>;
  /** Keys of the KV store, by full path. @default none */
  readonly key?: Rules<ConsulKeyAccess>;
  /** As `key`, by prefix of the path: `{ "shop/": "read" }`. @default none */
  readonly keyPrefix?: Rules<ConsulKeyAccess>;
  /** Nodes of the catalog: `read` discovers them, `write` registers and deregisters them and their checks. @default none */
  readonly node?: Rules<ConsulAccess>;
  /** As `node`, by prefix of the name. @default none */
  readonly nodePrefix?: Rules<ConsulAccess>;
  /**
   * Prepared queries, by name: `read` shows them, `write` changes them. To run one, a token needs access to its service.
   * @default none
   */
  readonly query?: Rules<ConsulAccess>;
  /** As `query`, by prefix of the name. @default none */
  readonly queryPrefix?: Rules<ConsulAccess>;
  /** Services of the catalog: `read` discovers them, `write` registers them and gets their certificates. @default none */
  readonly service?: Rules<ConsulAccess | ConsulServiceAccess>;
  /** As `service`, by prefix of the name. @default none */
  readonly servicePrefix?: Rules<ConsulAccess | ConsulServiceAccess>;
  /** Sessions, which hold locks of the KV store. By node name. @default none */
  readonly session?: Rules<ConsulAccess>;
  /** As `session`, by prefix of the node name. @default none */
  readonly sessionPrefix?: Rules<ConsulAccess>;
}

const ACCESS = is.oneOf(["deny", "read", "write"]);
const KEY_ACCESS = is.oneOf(["deny", "list", "read", "write"]);
const SERVICE_ACCESS_SHAPE: is.Shape<ConsulServiceAccess> = { policy: is.required(ACCESS), intentions: ACCESS };
const SERVICE_ACCESS = is.either(
  { fits: (value) => typeof value === "string", rule: ACCESS },
  is.block(SERVICE_ACCESS_SHAPE),
);

/** @internal */
export const CONSUL_ACL_RULES_SHAPE: is.Shape<ConsulAclRules> = {
  acl: ACCESS,
  keyring: ACCESS,
  mesh: ACCESS,
  operator: ACCESS,
  peering: ACCESS,
  agent: is.map(ACCESS),
  agentPrefix: is.map(ACCESS),
  event: is.map(ACCESS),
  eventPrefix: is.map(ACCESS),
  key: is.map(KEY_ACCESS),
  keyPrefix: is.map(KEY_ACCESS),
  node: is.map(ACCESS),
  nodePrefix: is.map(ACCESS),
  query: is.map(ACCESS),
  queryPrefix: is.map(ACCESS),
  service: is.map(SERVICE_ACCESS),
  servicePrefix: is.map(SERVICE_ACCESS),
  session: is.map(ACCESS),
  sessionPrefix: is.map(ACCESS),
};

type Rules<Access> = Readonly<Record<string, Access>>;

/** @internal The rules in Consul's format. */
export function renderConsulRules(scope: IConstruct, rules: ConsulAclRules): string {
  const { acl, keyring, mesh, operator, peering, ...resources } = rules;
  return renderHcl(scope, {
    attributes: { acl, keyring, mesh, operator, peering },
    blocks: Object.entries(resources).flatMap(([kind, named]) => blocksOf(kind, named as ResourceRules | undefined)),
  });
}

type ResourceRules = Rules<ConsulKeyAccess | ConsulServiceAccess>;

function blocksOf(kind: string, rules: ResourceRules = {}): HclBlock[] {
  return Object.entries(rules).map(([label, access]) => ({
    type: kind.replace("Prefix", "_prefix"),
    label,
    attributes: typeof access === "string" ? { policy: access } : { ...access },
  }));
}

/** @internal Returns the same rule for each prefix. */
export function forPrefixes<Access>(prefixes: readonly string[], access: Access): Readonly<Record<string, Access>> {
  return Object.fromEntries(prefixes.map((prefix) => [prefix, access]));
}
