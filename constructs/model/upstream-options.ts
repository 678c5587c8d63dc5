import type { UpstreamPolicy } from "../consul/upstream-config";
import type { Override } from "../core/override";
import type * as nomad from "../nomad/generated/job";

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
