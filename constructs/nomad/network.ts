import * as is from "../core/shape";
import type * as nomad from "./generated/job";
import type { Port } from "./port";

/**
 * How an allocation resolves names.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/network#dns-parameters
 */
export interface DnsOptions {
  /** Addresses of name servers. @default the node's */
  readonly servers?: readonly string[];
  /** Domains in which short names are looked up. @default the node's */
  readonly searches?: readonly string[];
  /** Options of the resolver, e.g. `"ndots:2"`. @default the node's */
  readonly options?: readonly string[];
}

/** @internal */
export const DNS_SHAPE: is.Shape<DnsOptions> = {
  servers: is.list(is.text),
  searches: is.list(is.text),
  options: is.list(is.text),
};

/**
 * The network of a group.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/network
 */
export interface NetworkOptions {
  /** Ports of the node, by label. @default none: only the mesh reaches the group */
  readonly ports?: Readonly<Record<string, Port>>;
  /**
   * `bridge` and `cni/<name>` give each allocation a network namespace of its own, which a service with a sidecar needs.
   *
   * @default "bridge"
   */
  readonly networkMode?: "bridge" | "host" | "none" | `cni/${string}`;
  /** How names are resolved. @default as the node does it */
  readonly dns?: DnsOptions;
  /** Host name inside the allocation; Nomad's own `${…}` may stand in it. Only with the mode bridge. @default Nomad's own */
  readonly hostname?: string;
  /** Arguments for the CNI plugins, of a `networkMode` of cni. @default none */
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

/** @internal @param further ports that follow from something else; those with a label of `ports` are there already */
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
    DNS: dns && { Servers: dns.servers, Searches: dns.searches, Options: dns.options },
    ReservedPorts: reserved.length > 0 ? reserved : undefined,
    DynamicPorts: dynamic.length > 0 ? dynamic : undefined,
    CNI: cniArgs && { Args: cniArgs },
  };
}

/** @internal Whether each allocation of a group with this network has a namespace of its own. */
export function isIsolated(network: nomad.NetworkResource | undefined): boolean {
  return network?.Mode === "bridge" || network?.Mode?.startsWith("cni/") === true;
}
