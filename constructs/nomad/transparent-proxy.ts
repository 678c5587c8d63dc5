import * as is from "../core/shape";
import { isToken } from "../core/token";
import type * as nomad from "./generated/job";

/**
 * Sends all traffic of an allocation through its Envoy: what its tasks send, by TCP, and what others send to it. Its tasks reach another service
 * of the mesh at `<service>.virtual.consul`, at any port, without an upstream and its local port. What they can reach is still decided by
 * intentions: `connectTo` adds one. `connectTo` with a `localBindPort` adds an upstream as well.
 *
 * The nodes need the plugin consul-cni and a Consul that answers DNS queries on an address that tasks can reach, as with `consulCni` of
 * `NomadClients`. The group needs the network mode bridge, and can have only one service with a sidecar. Nomad sets the name server only for the
 * drivers `docker`, `exec` and `java`, not for `raw_exec`.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/transparent_proxy
 */
export interface TransparentProxyOptions {
  /**
   * Numeric id of the user that runs Envoy, whose traffic is not redirected. No other task of the group can run as this user: its traffic would
   * bypass the mesh.
   *
   * @default the id of the user of `Sidecar.exec`: "0" (root), or "65534" (nobody) with the driver `exec`. In Docker, the metadata
   * `connect.transparent_proxy.default_uid` of the node, which is 101, the user of Envoy's image
   */
  readonly uid?: string;
  /**
   * Port of Envoy's outbound listener, to which outbound traffic is redirected. It must be the `TransparentProxy.OutboundListenerPort` of the
   * service in Consul.
   *
   * @default the metadata `connect.transparent_proxy.default_outbound_port` of the node, which is 15001
   */
  readonly outboundPort?: number;
  /**
   * Ports of the allocation that others reach without Envoy, and without mutual TLS: numbers inside the allocation, or labels of static ports
   * of the group. Nomad adds all static ports, such as that of `publish`, and the ports of exposed paths and health checks.
   *
   * @default none
   */
  readonly excludeInboundPorts?: readonly string[];
  /** Ports that tasks reach without Envoy, at any address. @default none */
  readonly excludeOutboundPorts?: readonly number[];
  /** Networks that tasks reach without Envoy, in CIDR notation, such as `10.0.0.0/8`. @default none */
  readonly excludeOutboundCidrs?: readonly string[];
  /** Numeric ids of users whose outbound traffic bypasses Envoy. @default none */
  readonly excludeUids?: readonly string[];
  /**
   * Whether the tasks keep the name servers of the node or of `dns`. Names such as `api.virtual.consul` then resolve only if these know them.
   *
   * @default false: Consul is their only name server
   */
  readonly noDns?: boolean;
}

/** @internal */
export const TRANSPARENT_PROXY_SHAPE: is.Shape<TransparentProxyOptions> = {
  uid: is.text,
  outboundPort: is.number,
  excludeInboundPorts: is.list(is.text),
  excludeOutboundPorts: is.list(is.number),
  excludeOutboundCidrs: is.list(is.text),
  excludeUids: is.list(is.text),
  noDns: is.flag,
};

/**
 * @internal
 * @param envoyUser the user that runs Envoy, where it is known
 */
export function renderTransparentProxy(
  options: TransparentProxyOptions,
  envoyUser: string | undefined,
): nomad.ConsulTransparentProxy {
  return {
    UID: options.uid ?? (envoyUser !== undefined && isUserId(envoyUser) ? envoyUser : undefined),
    OutboundPort: options.outboundPort,
    ExcludeInboundPorts: options.excludeInboundPorts,
    ExcludeOutboundPorts: options.excludeOutboundPorts,
    ExcludeOutboundCIDRs: options.excludeOutboundCidrs,
    ExcludeUIDs: options.excludeUids,
    NoDNS: options.noDns,
  };
}

/**
 * @internal Metadata of Envoy's task that changes with the transparent proxy. Nomad would update the job in place, but redirects the traffic of an
 * allocation only when it starts. Values that only Terraform knows are omitted.
 */
export function restartingMeta(proxy: nomad.ConsulTransparentProxy): Readonly<Record<string, string>> {
  const known = (_: string, value: unknown) => (isToken(value) ? undefined : value);
  return { transparent_proxy: JSON.stringify(proxy, known) };
}

/** The user that a driver runs a task as, if the job names none. With other drivers, such as docker, the image decides. */
const DRIVER_USERS: Readonly<Partial<Record<string, string>>> = { raw_exec: "root", exec: "nobody", java: "nobody" };
/** Users that have the same id on every common distribution. */
const USER_IDS: Readonly<Partial<Record<string, string>>> = { root: "0", nobody: "65534" };

/** @internal Returns the user of a task: its id if it is known, otherwise its name; `undefined` if only the image decides. */
export function userOf({ Driver = "docker", User }: Pick<nomad.Task, "Driver" | "User">): string | undefined {
  const name = User ?? DRIVER_USERS[Driver];
  // As root, the entry point of Envoy's image changes to Envoy's own user.
  if (name === undefined || name === "" || (Driver === "docker" && name === "root")) return undefined;
  const [user = ""] = name.split(":");
  return USER_IDS[user] ?? user;
}

/** @internal Whether a user is known by its id. */
export function isUserId(user: string): boolean {
  return /^\d+$/.test(user);
}
