import type { UpstreamPolicy } from "../consul/upstream-config";
import type * as nomad from "../nomad/generated/job";
import type { Override } from "../core/override";
import { withoutUndefined } from "../core/without-undefined";
import type { Reference, UpstreamRecord } from "./records";

/**
 * How traffic for another datacenter goes through mesh gateways.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/upstreams#mesh_gateway
 */
export enum MeshGatewayMode {
  /** Straight to the destination. */
  NONE = "none",
  /** Through the gateway of the own datacenter. */
  LOCAL = "local",
  /** Through the gateway of the destination's datacenter. */
  REMOTE = "remote",
}

/**
 * How a service finds another one.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/upstreams
 */
export interface UpstreamOptions extends UpstreamPolicy {
  /** Port on the service's own loopback where Envoy listens for it. @default chosen by the destination's name, stable */
  readonly localBindPort?: number;
  /** Address where Envoy listens for it. @default "127.0.0.1" */
  readonly localBindAddress?: string;
  /**
   * Environment variable of the service's tasks that says where to find it: a URL for http, http2; `address:port` for
   * tcp and gRPC.
   *
   * @default none
   */
  readonly env?: string;
  /** Consul datacenter of the destination. @default the service's own */
  readonly datacenter?: string;
  /** Cluster peer of the destination. @default that of its datacenter, for a service of another datacenter's mesh */
  readonly peer?: string;
  /** @default the mesh's own */
  readonly meshGateway?: MeshGatewayMode;
  /**
   * Upstream configuration, opaque to Nomad, e.g. `{ connect_timeout_ms: 500 }`.
   *
   * @default none
   */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Anything else of Nomad's upstreams block. @default none */
  readonly override?: Override<nomad.ConsulUpstream>;
}

/** What Consul tells an upstream apart by, among those of one service: these three, empty ones too. */
export function upstreamId({ service, datacenter, peer }: Reference): string {
  return [service, datacenter, peer].join("/").replace(/\/+$/, "");
}

/** What Consul tells it apart by, in the source's service-defaults. */
export function upstreamKey({ destination }: UpstreamRecord): string {
  return `${destination.peer ?? ""}/${destination.service}`;
}

/** Why what was stated about one upstream in two places cannot both hold; `undefined` where it can. */
export function contradictionOf(one: UpstreamRecord, other: UpstreamRecord): string | undefined {
  const [here, there] = [one, other].map(
    ({ options, localBindPort }) => new Map<string, unknown>(Object.entries({ ...options, localBindPort })),
  );
  const bound = ["localBindPort", "localBindAddress"];
  for (const name of new Set([...there.keys(), ...bound])) {
    const [own, value] = [here.get(name), there.get(name)];
    const isOpen = !bound.includes(name) && (own === undefined || value === undefined);
    if (!isOpen && JSON.stringify(own) !== JSON.stringify(value)) {
      return `both the ${name} ${shown(own)} and ${shown(value)}`;
    }
  }
  return undefined;
}

/** One upstream that was stated in two places; what the first says goes before. */
export function mergeUpstreams(one: UpstreamRecord, other: UpstreamRecord): UpstreamRecord {
  return {
    destination: one.destination.member === undefined ? other.destination : one.destination,
    localBindPort: one.localBindPort,
    options: { ...withoutUndefined(other.options), ...withoutUndefined(one.options) },
  };
}

/** `address:port` that the tasks of the source connect to. */
export function addressOf({ destination, localBindPort, options }: UpstreamRecord): string {
  return localBindPort === undefined
    ? `${destination.service}.virtual.consul`
    : `${options.localBindAddress ?? "127.0.0.1"}:${localBindPort}`;
}

function shown(value: unknown): string {
  return value === undefined ? "none" : JSON.stringify(value);
}
