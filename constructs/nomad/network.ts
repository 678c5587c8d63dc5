import * as is from "../core/shape";
import { DNS_SHAPE, renderDns, type DnsOptions } from "./dns";
import type * as nomad from "./generated/job";
import type { Port } from "./port";

/**
 * The network of a group.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/network
 */
export interface NetworkOptions {
  /** Ports of the node, by label. @default none: the group is reachable only through the mesh */
  readonly ports?: Readonly<Record<string, Port>>;
  /**
   * Network mode. With `bridge` and `cni/<name>`, each allocation has its own network namespace, which a service with a sidecar requires.
   *
   * @default "bridge"
   */
  readonly networkMode?: "bridge" | "host" | "none" | `cni/${string}`;
  /** DNS settings of the allocations, such as {@link Dns.consul}. @default the settings of the node */
  readonly dns?: DnsOptions;
  /** Host name inside the allocation. It can contain Nomad's variables (`${…}`). Only with the mode `bridge`. @default Nomad's default */
  readonly hostname?: string;
  /** Arguments for the CNI plugins, by name. Only with a mode `cni/<name>`. @default none */
  readonly cniArgs?: Readonly<Record<string, string>>;
}

/** @internal */
export const NETWORK_SHAPE: is.Shape<NetworkOptions> = {
  ports: is.named(is.made("a Port, such as Port.static(80)")),
  networkMode: is.oneOf(["bridge", "host", "none"], /^cni\//),
  dns: is.block(DNS_SHAPE),
  hostname: is.text,
  cniArgs: is.map(is.text),
};

/** @internal @param further additional ports; those whose label is also in `ports` are omitted */
export function renderNetwork(
  options: NetworkOptions,
  further: Pick<nomad.NetworkResource, "ReservedPorts" | "DynamicPorts"> = {},
): nomad.NetworkResource {
  const { ports = {}, networkMode = "bridge", dns, hostname, cniArgs } = options;
  const own = Object.entries(ports);
  const isNew = ({ Label = "" }: nomad.Port) => !Object.hasOwn(ports, Label);
  const reserved = [
    ...own.flatMap(([label, port]) => (port.value === undefined ? [] : [port.render(label)])),
    ...(further.ReservedPorts ?? []),
  ];
  const dynamic = [
    ...own.flatMap(([label, port]) => (port.value === undefined ? [port.render(label)] : [])),
    ...(further.DynamicPorts ?? []).filter(isNew),
  ];
  return {
    Mode: networkMode,
    Hostname: hostname,
    DNS: renderDns(dns),
    ReservedPorts: reserved.length > 0 ? reserved : undefined,
    DynamicPorts: dynamic.length > 0 ? dynamic : undefined,
    CNI: cniArgs && { Args: cniArgs },
  };
}

/** @internal Whether each allocation of a group with this network has its own network namespace. */
export function isIsolated(network: nomad.NetworkResource | undefined): boolean {
  return network?.Mode === "bridge" || network?.Mode?.startsWith("cni/") === true;
}
