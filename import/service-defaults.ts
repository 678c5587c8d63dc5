import { withEjection } from "../constructs/consul/upstream-config";
import type * as consul from "../constructs/consul/generated/config-entries";
import type { Fields } from "./code";
import { isSameEntry } from "./difference";
import type { Entry } from "./entries";

/** How a service of the app expresses its config entry `service-defaults`. */
export interface ImportedDefaults {
  /** Its option `serviceDefaults`. */
  readonly serviceDefaults: Fields | undefined;
  /** Whether the service then has exactly this entry. */
  readonly isExact: boolean;
}

/** @param hasUpstreams whether the service has upstreams through a sidecar */
export function defaultsOf({ fields }: Entry, hasUpstreams: boolean): ImportedDefaults {
  const { Protocol, TransparentProxy, ...others } = fields;
  const transparentProxy = isSameEntry(TransparentProxy, {}) ? undefined : TransparentProxy;
  const serviceDefaults = {
    ...others,
    ...(transparentProxy !== undefined && { TransparentProxy: transparentProxy }),
  };
  // As a service renders it.
  const { UpstreamConfig: upstreams } = fields as unknown as consul.ServiceConfigEntry;
  const overrides = upstreams?.Overrides?.map((it) => (it.PassiveHealthCheck ? withEjection(it) : it));
  const rendered = {
    TransparentProxy: {},
    ...serviceDefaults,
    ...(hasUpstreams && {
      UpstreamConfig: {
        Defaults: withEjection(upstreams?.Defaults),
        ...(overrides && overrides.length > 0 && { Overrides: overrides }),
      },
    }),
  };
  const isExact = Protocol !== undefined && Protocol !== "" && isSameEntry(rendered, { ...others, TransparentProxy });
  return { serviceDefaults: Object.keys(serviceDefaults).length === 0 ? undefined : serviceDefaults, isExact };
}
