import type { UpstreamPolicy } from "../consul/upstream-config";
import type { Override } from "../core/override";
import type * as nomad from "../nomad/generated/job";

/**
 * How traffic for another datacenter goes through mesh gateways.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/upstreams#mesh_gateway
 */
export enum MeshGatewayMode {
  /** Directly to the destination. */
  NONE = "none",
  /** Through the gateway of the source's datacenter. */
  LOCAL = "local",
  /** Through the gateway of the destination's datacenter. */
  REMOTE = "remote",
}

/**
 * How a service connects to another one.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/upstreams
 */
export interface UpstreamOptions extends UpstreamPolicy {
  /** Port on the loopback interface on which Envoy listens for it. @default derived from the destination's name, so it is stable */
  readonly localBindPort?: number;
  /** Address on which Envoy listens for it. @default "127.0.0.1" */
  readonly localBindAddress?: string;
  /**
   * Environment variable of the service's tasks with the address of the destination: a URL for http and http2; `address:port` for
   * tcp and gRPC.
   *
   * @default none
   */
  readonly env?: string;
  /** Consul datacenter of the destination. @default the service's own */
  readonly datacenter?: string;
  /**
   * Cluster peer of the destination.
   * @default for a service in the mesh of another datacenter, the peer with the name of that datacenter
   */
  readonly peer?: string;
  /** How traffic for another datacenter uses mesh gateways. @default the setting of the mesh */
  readonly meshGateway?: MeshGatewayMode;
  /**
   * Upstream configuration that Nomad does not interpret, e.g. `{ connect_timeout_ms: 500 }`.
   *
   * @default none
   */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Any other fields of Nomad's `upstreams` block. @default none */
  readonly override?: Override<nomad.ConsulUpstream>;
}
