import type { IConstruct } from "constructs";
import { type HclBlock, renderHcl } from "../core/hcl";
import * as is from "../core/shape";

/** Access that a rule grants. `deny` takes precedence over all other policies of the same token. */
export type NomadAccess = "deny" | "read" | "write";

/**
 * A single permission in a namespace.
 *
 * @see https://developer.hashicorp.com/nomad/docs/other-specifications/acl-policy#namespace-rules
 */
export type NomadNamespaceCapability = (typeof NOMAD_NAMESPACE_CAPABILITIES)[number];

/** All {@link NomadNamespaceCapability | capabilities}. */
export const NOMAD_NAMESPACE_CAPABILITIES = [
  "alloc-exec",
  "alloc-lifecycle",
  "alloc-node-exec",
  "csi-list-volume",
  "csi-mount-volume",
  "csi-read-volume",
  "csi-register-plugin",
  "csi-write-volume",
  "deny",
  "dispatch-job",
  "host-volume-create",
  "host-volume-delete",
  "host-volume-read",
  "host-volume-register",
  "host-volume-write",
  "list-jobs",
  "list-scaling-policies",
  "parse-job",
  "read-fs",
  "read-job",
  "read-job-scaling",
  "read-logs",
  "read-scaling-policy",
  "scale-job",
  "sentinel-override",
  "submit-job",
  "submit-recommendation",
] as const;

/** A permission for the variables below a path. */
export type NomadVariableCapability = "deny" | "destroy" | "list" | "read" | "write";

/** Permissions in a namespace. */
export interface NomadNamespaceAccess {
  /** A predefined set of capabilities. @default none */
  readonly policy?: NomadAccess | "scale";
  /** Capabilities in addition to those of `policy`. @default none */
  readonly capabilities?: readonly NomadNamespaceCapability[];
  /** Permissions for variables, by path. `*` in a path matches any text. @default none */
  readonly variables?: Readonly<Record<string, readonly NomadVariableCapability[]>>;
}

/**
 * The rules of a Nomad ACL policy, with Nomad's names. `*` in the name of a namespace, node pool or host volume matches any text. Access
 * that no rule grants is denied.
 *
 * @see https://developer.hashicorp.com/nomad/docs/other-specifications/acl-policy
 */
export interface NomadAclRules {
  /** The API of agents: members, logs, profiles. @default no access */
  readonly agent?: NomadAccess;
  /** Nodes. `write` allows to drain them. @default no access */
  readonly node?: NomadAccess;
  /** Raft, autopilot and the scheduler. @default no access */
  readonly operator?: NomadAccess;
  /** CSI plugins. `list` allows to list them, `read` also to read their state. @default no access */
  readonly plugin?: "deny" | "list" | "read";
  /** Resource quotas (Nomad Enterprise). `write` also allows to change them. @default no access */
  readonly quota?: NomadAccess;
  /** Jobs, allocations, volumes and variables, by name of their namespace. @default no access */
  readonly namespace?: Readonly<Record<string, NomadNamespaceAccess>>;
  /** Node pools by name. `read` allows to read a pool with its jobs and nodes, `write` also to change and delete it. @default no access */
  readonly nodePool?: Readonly<Record<string, NomadAccess>>;
  /** Host volumes of nodes, by name. `read` allows to mount them read-only. @default no access */
  readonly hostVolume?: Readonly<Record<string, NomadAccess>>;
}

/** @internal */
export const NAMESPACE_CAPABILITIES = is.list(is.oneOf(NOMAD_NAMESPACE_CAPABILITIES));

const ACCESS = is.oneOf(["deny", "read", "write"]);
const NAMESPACE_ACCESS_SHAPE: is.Shape<NomadNamespaceAccess> = {
  policy: is.oneOf(["deny", "read", "write", "scale"]),
  capabilities: NAMESPACE_CAPABILITIES,
  variables: is.map(is.list(is.oneOf(["deny", "destroy", "list", "read", "write"]))),
};

/** @internal */
export const NOMAD_ACL_RULES_SHAPE: is.Shape<NomadAclRules> = {
  agent: ACCESS,
  node: ACCESS,
  operator: ACCESS,
  plugin: is.oneOf(["deny", "list", "read"]),
  quota: ACCESS,
  namespace: is.map(is.block(NAMESPACE_ACCESS_SHAPE)),
  nodePool: is.map(ACCESS),
  hostVolume: is.map(ACCESS),
};

/** @internal The rules as HCL, the format of Nomad. */
export function renderNomadRules(scope: IConstruct, rules: NomadAclRules): string {
  const { namespace = {}, nodePool = {}, hostVolume = {}, ...wholes } = rules;
  return renderHcl(scope, {
    blocks: [
      ...Object.entries(wholes).flatMap(([type, policy]: [string, string | undefined]) =>
        policy === undefined ? [] : [{ type, attributes: { policy } }],
      ),
      ...Object.entries(namespace).map(([label, access]) => namespaceBlock(label, access)),
      ...Object.entries(nodePool).map(([label, policy]) => ({ type: "node_pool", label, attributes: { policy } })),
      ...Object.entries(hostVolume).map(([label, policy]) => ({ type: "host_volume", label, attributes: { policy } })),
    ],
  });
}

function namespaceBlock(label: string, { policy, capabilities, variables }: NomadNamespaceAccess): HclBlock {
  const paths = Object.entries(variables ?? {}).map(([path, granted]) => ({
    type: "path",
    label: path,
    attributes: { capabilities: granted },
  }));
  return {
    type: "namespace",
    label,
    attributes: { policy, capabilities },
    blocks: paths.length > 0 ? [{ type: "variables", blocks: paths }] : [],
  };
}
