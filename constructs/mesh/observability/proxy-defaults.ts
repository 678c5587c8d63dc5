import { mergeMapsOrNone } from "../../core/collections";
import type { EnvoyExtension } from "../../consul/envoy-extension";
import type * as consul from "../../consul/generated/config-entries";
import { joinStaticClusters, STATIC_CLUSTERS } from "../../consul/static-cluster";
import { withoutUndefined } from "../../core/without-undefined";
import { renderExtensions } from "../service-entries";
import type { AccessLogs } from "./access-logs";
import type { Metrics } from "./metrics";
import type { Tracing } from "./tracing";

type ProxyDefaults = Omit<consul.ProxyConfigEntry, "Kind" | "Name">;

interface ProxyDefaultsOptions {
  readonly metrics?: readonly Metrics[];
  readonly accessLogs?: AccessLogs;
  readonly tracing?: Tracing;
  readonly envoyExtensions?: readonly EnvoyExtension[];
}

/** Fields of proxy-defaults: those that the mesh sets, overridden by those that are passed. */
export function renderProxyDefaults(
  own: ProxyDefaults,
  { metrics = [], accessLogs, tracing, envoyExtensions }: ProxyDefaultsOptions,
): ProxyDefaults {
  const traced = tracing?.renderProxyConfig();
  const clusters = joinStaticClusters(own.Config?.[STATIC_CLUSTERS], traced?.[STATIC_CLUSTERS]);
  const config = mergeMapsOrNone<unknown>(
    ...metrics.map((each) => withoutUndefined(each.renderProxyConfig())),
    traced,
    own.Config,
    clusters === undefined ? undefined : { [STATIC_CLUSTERS]: clusters },
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
