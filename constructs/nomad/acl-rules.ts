import type { IConstruct } from "constructs";
import { type HclBlock, renderHcl } from "../core/hcl";
import * as is from "../core/shape";

/** How much a rule grants. `deny` wins over every other policy of the same token. */
export type NomadAccess = "deny" | "read" | "write";

/**
 * What may be done in a namespace, one by one.
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

/** What may be done with the variables below a path. */
export type NomadVariableCapability = "deny" | "destroy" | "list" | "read" | "write";

/** What may be done in a namespace. */
export interface NomadNamespaceAccess {
  /** Many capabilities by one word. @default none */
  readonly policy?: NomadAccess | "scale";
  /** In addition to those of `policy`. @default none */
  readonly capabilities?: readonly NomadNamespaceCapability[];
  /** By path, in which `*` stands for anything. @default none */
  readonly variables?: Readonly<Record<string, readonly NomadVariableCapability[]>>;
}

/**
 * The rules of a Nomad policy, by Nomad's own names. Names of namespaces, node pools and host volumes may hold `*` for
 * anything. What no rule mentions is denied.
 *
 * @see https://developer.hashicorp.com/nomad/docs/other-specifications/acl-policy
 */
export interface NomadAclRules {
  /** The agents' own API: members, logs, profiles. */
  readonly agent?: NomadAccess;
  /** Nodes: `write` may drain them. */
  readonly node?: NomadAccess;
  /** Raft, autopilot and the scheduler. */
  readonly operator?: NomadAccess;
  /** CSI plugins: `list` shows which there are, `read` also their state. */
  readonly plugin?: "deny" | "list" | "read";
  /** Quotas of resources (Nomad Enterprise). `write` also changes them. */
  readonly quota?: NomadAccess;
  /** Jobs, allocations, volumes and variables, by the name of their namespace. */
  readonly namespace?: Readonly<Record<string, NomadNamespaceAccess>>;
  /** Node pools by name: `read` shows a pool with its jobs and nodes, `write` also changes and deletes it. */
  readonly nodePool?: Readonly<Record<string, NomadAccess>>;
  /** Host volumes that nodes offer: `read` mounts them read-only. */
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

/** @internal The rules as Nomad reads them. */
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
