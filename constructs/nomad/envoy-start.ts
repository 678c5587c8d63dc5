import { createHash } from "node:crypto";
import { Fn } from "cdktf";
import { jsonText } from "../core/terraform-json";
import { isToken } from "../core/token";
import { addToEnvoyTasks } from "./envoy-tasks";
import type * as nomad from "./generated/job";

/**
 * Options of the proxy configuration that Consul writes into Envoy's bootstrap.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/proxy/envoy#bootstrap-configuration
 */
const START_OPTIONS: ReadonlySet<string> = new Set([
  "envoy_bootstrap_json_tpl",
  "envoy_dogstatsd_url",
  "envoy_extra_static_clusters_json",
  "envoy_extra_static_listeners_json",
  "envoy_extra_stats_sinks_json",
  "envoy_prometheus_bind_addr",
  "envoy_stats_bind_addr",
  "envoy_stats_config_json",
  "envoy_stats_flush_interval",
  "envoy_stats_tags",
  "envoy_statsd_url",
  "envoy_telemetry_collector_bind_socket_dir",
  "envoy_tracing_json",
]);

/** Metadata of an Envoy's task that changes with the options that Envoy reads only when it starts. */
const START = "envoy_start";

type ProxyConfig = Readonly<Record<string, unknown>>;

/**
 * Adds metadata to the task of each Envoy that changes with the options of its proxy configuration that Envoy reads only when it starts.
 * Nomad would otherwise change them in place, without an effect on the running Envoy.
 *
 * @param shared `Config` of proxy-defaults, which the configuration of an Envoy overrides
 */
export function replaceWithStartOptions(job: nomad.Job, shared: ProxyConfig | undefined): nomad.Job {
  return addToEnvoyTasks(job, (_, proxy) => {
    const options = startOptionsOf({ ...shared, ...proxy?.Config });
    return options === undefined ? {} : { Meta: { [START]: fingerprintOf(options) } };
  });
}

function startOptionsOf(config: ProxyConfig): ProxyConfig | undefined {
  const entries = Object.entries(config).filter(([name, value]) => START_OPTIONS.has(name) && value !== undefined);
  return entries.length === 0
    ? undefined
    : Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function fingerprintOf(options: ProxyConfig): string {
  const text = jsonText(options);
  return isToken(text) ? Fn.sha256(text) : createHash("sha256").update(text).digest("hex").slice(0, 8);
}
