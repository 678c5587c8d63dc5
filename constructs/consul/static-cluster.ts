import { isIP } from "node:net";

/** The option of the proxy configuration with static clusters of Envoy: JSON objects, separated by commas. */
export const STATIC_CLUSTERS = "envoy_extra_static_clusters_json";

/** A cluster in Envoy's bootstrap: a server outside the mesh that Envoy calls for its own purposes. */
export interface StaticCluster {
  readonly name: string;
  /** IP address or DNS name. */
  readonly host: string;
  readonly port: number;
  /** Whether Envoy uses HTTP/2, as gRPC requires. */
  readonly isHttp2: boolean;
  /** Envoy's transport socket. @default plaintext */
  readonly transportSocket?: object;
}

/** Renders the cluster in the format of Envoy. */
export function renderStaticCluster({ name, host, port, isHttp2, transportSocket }: StaticCluster): object {
  const http2 = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      explicit_http_config: { http2_protocol_options: {} },
    },
  };
  const socket = { socket_address: { address: host, port_value: port } };
  return {
    name,
    type: isIP(host) === 0 ? "STRICT_DNS" : "STATIC",
    connect_timeout: "1s",
    typed_extension_protocol_options: isHttp2 ? http2 : undefined,
    transport_socket: transportSocket,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: socket } }] }] },
  };
}

/** Joins values of the option. @returns `undefined` if there are none */
export function joinStaticClusters(...values: readonly unknown[]): string | undefined {
  const clusters = values.filter((value) => typeof value === "string" && value !== "");
  return clusters.length > 0 ? clusters.join(",") : undefined;
}

/** Splits `host:port`, with brackets around an IPv6 address. @returns `undefined` if it is something else */
export function hostAndPort(address: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(\[[^\]\s]+\]|[^/:\s]+):(\d+)$/.exec(address);
  return match === null ? undefined : { host: match[1].replace(/^\[(.*)\]$/, "$1"), port: Number(match[2]) };
}
