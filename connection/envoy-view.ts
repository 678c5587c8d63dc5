import type { AdminAnswers } from "./admin";
import type { RbacRules } from "./rbac";

/** What of an Envoy's state and configuration is about its connections. Holds no keys and no tokens. */
export interface EnvoyView {
  /** The id of its proxy in Consul. */
  readonly id: string;
  /** `LIVE` once it has got its configuration. */
  readonly state: string;
  /** Whether it is connected to Consul's gRPC port. */
  readonly isConnected: boolean;
  /** What of Consul's configuration it refuses, in its own words. */
  readonly rejected: readonly string[];
  readonly listeners: readonly EnvoyListener[];
  readonly clusters: readonly EnvoyCluster[];
  /** PEM of its leaf certificate, then those of intermediate authorities. Empty if it has none. */
  readonly certificates: readonly string[];
  /** PEM of the authorities that it trusts. */
  readonly roots: readonly string[];
  /** Counters and gauges that are not 0. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface EnvoyListener {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Path of its Unix socket. @default it listens on a port */
  readonly socket?: string;
  /** Whether it reads requests. */
  readonly isHttp: boolean;
  /** The access rules of connections and of requests. All of them must allow. */
  readonly rbac: readonly RbacRules[];
}

export interface EnvoyCluster {
  readonly name: string;
  readonly hosts: readonly EnvoyHost[];
}

export interface EnvoyHost {
  readonly address: string;
  readonly port: number;
  /** Consul's word, such as `HEALTHY`. */
  readonly health: string;
  /** Whether its failures have ejected it for a time. */
  readonly isEjected: boolean;
}

const COUNTERS = [
  "^control_plane\\.connected_state$",
  "^(cluster_manager\\.cds|listener_manager\\.lds)\\.update_rejected$",
  "\\.(rds|eds)?.*update_rejected$",
  "upstream_cx_connect_fail$",
  "upstream_cx_connect_timeout$",
  "upstream_cx_protocol_error$",
  "upstream_rq_(5xx|2xx|timeout|retry|pending_overflow)$",
  "upstream_cx_none_healthy$",
  "membership_(healthy|total)$",
  "outlier_detection\\.ejections_active$",
  "rbac\\.(allowed|denied)$",
  "ssl\\.(fail_verify_[a-z_]+|connection_error)$",
  "circuit_breakers\\.default\\.(cx|cx_pool|rq|rq_pending)_open$",
].join("|");

/** The paths of the admin listener that {@link viewOf} reads. None of them has secrets: of keys, Envoy shows only `[redacted]`. */
export const VIEW_PATHS = [
  "/server_info",
  `/stats?usedonly&filter=${encodeURIComponent(COUNTERS)}`,
  "/clusters?format=json",
  "/config_dump?resource=dynamic_listeners",
  "/config_dump?resource=dynamic_active_clusters",
] as const;

/** @throws Error if an answer is not Envoy's */
export function viewOf(answers: AdminAnswers): EnvoyView {
  const [info, stats, clusters, listeners, configured] = VIEW_PATHS.map((path) => answers[path] ?? "");
  const { state = "", node } = JSON.parse(info) as { state?: string; node?: { id?: string } };
  const counters = parseCounters(stats);
  const dumps = (text: string) => (JSON.parse(text) as { configs?: readonly Dump[] }).configs ?? [];
  const [ofListeners, ofClusters] = [dumps(listeners), dumps(configured)];
  const contexts = [...ofListeners, ...ofClusters].flatMap((dump) => objectsWith(dump, "common_tls_context"));
  const tls = contexts.map((it) => it.common_tls_context as TlsContext);
  const own = tls.find(({ tls_certificates: list }) => (list ?? []).length > 0)?.tls_certificates?.[0];
  return {
    id: node?.id ?? "",
    state,
    isConnected: counters["control_plane.connected_state"] === 1,
    rejected: [...ofListeners.flatMap(({ error_state: error }) => error?.details ?? []), ...rejections(counters)],
    listeners: ofListeners.flatMap(listenerOf),
    clusters:
      (JSON.parse(clusters) as { cluster_statuses?: readonly ClusterStatus[] }).cluster_statuses?.map(clusterOf) ?? [],
    certificates: pemsIn(own?.certificate_chain?.inline_string),
    roots: [...new Set(tls.flatMap((it) => pemsIn(it.validation_context?.trusted_ca?.inline_string)))],
    counters,
  };
}

/** Envoy shows a refused listener with its error, and only counts other refusals. */
function rejections(counters: Readonly<Record<string, number>>): string[] {
  const count = counters["cluster_manager.cds.update_rejected"] ?? 0;
  return count > 0 ? [`it has refused ${count} updates of clusters`] : [];
}

function parseCounters(stats: string): Record<string, number> {
  const pairs = stats.split("\n").flatMap((line): [string, number][] => {
    const match = /^(.+): (\d+)$/.exec(line.trim());
    return match !== null && Number(match[2]) > 0 ? [[match[1], Number(match[2])]] : [];
  });
  return Object.fromEntries(pairs);
}

interface Dump {
  readonly name?: string;
  readonly active_state?: { readonly listener?: ListenerConfig };
  readonly error_state?: { readonly details?: string };
}

interface ListenerConfig {
  readonly name?: string;
  readonly address?: HostAddress;
}

interface HostAddress {
  readonly socket_address?: { readonly address?: string; readonly port_value?: number };
  readonly pipe?: { readonly path?: string };
}

interface TlsContext {
  readonly tls_certificates?: readonly { readonly certificate_chain?: { readonly inline_string?: string } }[];
  readonly validation_context?: { readonly trusted_ca?: { readonly inline_string?: string } };
}

interface ClusterStatus {
  readonly name: string;
  readonly host_statuses?: readonly {
    readonly address?: HostAddress;
    readonly health_status?: { readonly eds_health_status?: string; readonly failed_outlier_check?: boolean };
  }[];
}

function listenerOf({ active_state: active }: Dump): EnvoyListener[] {
  const listener = active?.listener;
  if (listener === undefined) return [];
  const { name = "", address } = listener;
  const filters = objectsWith(listener, "typed_config").map((it) => it.typed_config as Record<string, unknown>);
  const ofType = (type: string) => filters.filter((it) => String(it["@type"]).endsWith(type));
  return [
    {
      name,
      address: address?.socket_address?.address ?? "",
      port: address?.socket_address?.port_value ?? 0,
      ...(address?.pipe && { socket: address.pipe.path }),
      isHttp: ofType(".HttpConnectionManager").length > 0,
      rbac: ofType(".RBAC").flatMap(({ rules }) => (rules === undefined ? [] : [rules as RbacRules])),
    },
  ];
}

function clusterOf({ name, host_statuses: hosts = [] }: ClusterStatus): EnvoyCluster {
  return {
    name,
    hosts: hosts.map(({ address, health_status: health }) => ({
      address: address?.socket_address?.address ?? "",
      port: address?.socket_address?.port_value ?? 0,
      health: health?.eds_health_status ?? "UNKNOWN",
      isEjected: health?.failed_outlier_check === true,
    })),
  };
}

/** All objects in a tree that have a property. */
function objectsWith(tree: unknown, property: string): Record<string, unknown>[] {
  if (typeof tree !== "object" || tree === null) return [];
  const below = Object.values(tree).flatMap((value) => objectsWith(value, property));
  return property in tree ? [tree as Record<string, unknown>, ...below] : below;
}

function pemsIn(text = ""): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}
