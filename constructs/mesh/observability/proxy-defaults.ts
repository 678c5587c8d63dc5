import { mergeMapsOrNone } from "../../core/collections";
import type { EnvoyExtension } from "../../consul/envoy-extension";
import type * as consul from "../../consul/generated/config-entries";
import { withoutUndefined } from "../../core/without-undefined";
import { renderExtensions } from "../service-entries";
import type { AccessLogs } from "./access-logs";
import type { Metrics } from "./metrics";
import type { Tracing } from "./tracing";

type ProxyDefaults = Omit<consul.ProxyConfigEntry, "Kind" | "Name">;

interface ProxyDefaultsOptions {
  readonly metrics?: Metrics;
  readonly accessLogs?: AccessLogs;
  readonly tracing?: Tracing;
  readonly envoyExtensions?: readonly EnvoyExtension[];
}

/** A field with a string that contains several static clusters, separated by commas. */
const STATIC_CLUSTERS = "envoy_extra_static_clusters_json";

/** Fields of proxy-defaults: those that the mesh sets, overridden by those that are passed. */
export function renderProxyDefaults(
  own: ProxyDefaults,
  { metrics, accessLogs, tracing, envoyExtensions }: ProxyDefaultsOptions,
): ProxyDefaults {
  const traced = tracing?.renderProxyConfig();
  const clusters = [own.Config?.[STATIC_CLUSTERS], traced?.[STATIC_CLUSTERS]].filter(
    (text) => typeof text === "string",
  );
  const config = mergeMapsOrNone<unknown>(
    metrics?.renderProxyConfig(),
    traced,
    own.Config,
    clusters.length > 0 ? { [STATIC_CLUSTERS]: clusters.join(",") } : undefined,
  );
  return {
    // Consul always returns these two fields. Without them, each plan would show a difference.
    TransparentProxy: {},
    AccessLogs: accessLogs?.rendered ?? {},
    ...own,
    ...withoutUndefined({ EnvoyExtensions: renderExtensions(own.EnvoyExtensions, envoyExtensions) }),
    Config: config,
  };
}
