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
  /** Through the gateway of the destination's datacenter. Consul gives callers also gateways whose health checks fail. */
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
   * Unix socket on which Envoy listens for it, instead of a port: a path relative to the directory of the allocation, in the directory that its
   * tasks share, such as `alloc/tmp/orders.sock`. Programs find it at `${NOMAD_ALLOC_DIR}/tmp/orders.sock`.
   *
   * @default it listens on a port
   */
  readonly localBindSocketPath?: string;
  /**
   * Mode of the socket, in octal. To connect, programs need write permission, and Envoy can run as another user.
   *
   * @default that of the user mask of Envoy, with which only its own user can connect
   */
  readonly localBindSocketMode?: string;
  /**
   * Name of a prepared query for the destination, with which Envoy finds its instances instead of its traffic rules. Consul ignores the
   * `limits`, `passiveHealthCheck` and `connectTimeout` of such an upstream.
   *
   * @default none
   * @see https://developer.hashicorp.com/consul/docs/reference/proxy/connect-proxy#upstream-configuration-reference
   */
  readonly preparedQuery?: string;
  /**
   * Environment variable of the service's tasks with the address of the destination: a URL for http and http2; `address:port` for
   * tcp and gRPC; the path of the socket.
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
