import type { IConstruct } from "constructs";
import { type HclBlock, renderHcl } from "../core/hcl";
import * as is from "../core/shape";

/** How much a rule grants. `deny` wins over every other policy of the same token. */
export type ConsulAccess = "deny" | "read" | "write";

/** `list` is `read` that may list recursively, where agents have `acl.enable_key_list_policy`. */
export type ConsulKeyAccess = ConsulAccess | "list";

/** What may be done with a service. */
export interface ConsulServiceAccess {
  /** Read or write the service itself, and its config entries. */
  readonly policy: ConsulAccess;
  /**
   * Read or write the intentions whose destination the service is.
   *
   * @default "read" for a policy that is "read" or "write"
   */
  readonly intentions?: ConsulAccess;
}

/**
 * The rules of a Consul policy, by Consul's own names. `node: { a: "read" }` is about the node `a`,
 * `nodePrefix: { a: "read" }` about every node whose name starts with `a`, and a prefix `""` about all.
 * What no rule mentions is up to the cluster's default policy.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/acl/rule
 */
export interface ConsulAclRules {
  /** The access rules themselves. Without `write`, the secrets of tokens are hidden. */
  readonly acl?: ConsulAccess;
  /** The gossip key, which `read` shows. */
  readonly keyring?: ConsulAccess;
  /** What concerns the mesh as a whole: proxy-defaults, gateways, routes, JWT providers. @default as `operator` */
  readonly mesh?: ConsulAccess;
  /** Raft, autopilot and the certificate authority. */
  readonly operator?: ConsulAccess;
  /** @default as `operator` */
  readonly peering?: ConsulAccess;
  /** The agents' own API: configuration, metrics, logs. By node name. */
  readonly agent?: Rules<ConsulAccess>;
  readonly agentPrefix?: Rules<ConsulAccess>;
  readonly event?: Rules<ConsulAccess>;
  readonly eventPrefix?: Rules<ConsulAccess>;
  readonly key?: Rules<ConsulKeyAccess>;
  readonly keyPrefix?: Rules<ConsulKeyAccess>;
  readonly node?: Rules<ConsulAccess>;
  readonly nodePrefix?: Rules<ConsulAccess>;
  readonly query?: Rules<ConsulAccess>;
  readonly queryPrefix?: Rules<ConsulAccess>;
  readonly service?: Rules<ConsulAccess | ConsulServiceAccess>;
  readonly servicePrefix?: Rules<ConsulAccess | ConsulServiceAccess>;
  /** By node name. */
  readonly session?: Rules<ConsulAccess>;
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

/** @internal The rules as Consul reads them. */
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

/** @internal One rule for each of these prefixes. */
export function forPrefixes<Access>(prefixes: readonly string[], access: Access): Readonly<Record<string, Access>> {
  return Object.fromEntries(prefixes.map((prefix) => [prefix, access]));
}
