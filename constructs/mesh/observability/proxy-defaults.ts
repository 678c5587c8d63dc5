import { mergeMapsOrNone } from "../../core/collections";
import type * as consul from "../../consul/generated/config-entries";
import type { AccessLogs } from "./access-logs";
import type { Metrics } from "./metrics";
import type { Tracing } from "./tracing";

type ProxyDefaults = Omit<consul.ProxyConfigEntry, "Kind" | "Name">;

/** Several static clusters are one text, with commas between them. */
const STATIC_CLUSTERS = "envoy_extra_static_clusters_json";

/** What the mesh says of all its Envoys, laid under what its author says of them. */
export function renderProxyDefaults(
  own: ProxyDefaults,
  { metrics, accessLogs, tracing }: { metrics?: Metrics; accessLogs?: AccessLogs; tracing?: Tracing },
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
    // Consul always answers with these two; without them each plan would find a difference.
    TransparentProxy: {},
    AccessLogs: accessLogs?.rendered ?? {},
    ...own,
    Config: config,
  };
}
