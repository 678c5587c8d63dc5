import * as is from "../core/shape";
import type * as nomad from "./generated/job";

/**
 * Sends all traffic of an allocation through its Envoy, so that services use virtual addresses to connect to each other. Requires the
 * consul-cni plugin on the client nodes.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/transparent_proxy
 */
export interface TransparentProxyOptions {
  /** User id of Envoy, whose traffic is not redirected. @default "101" */
  readonly uid?: string;
  /** Port of Envoy's outbound listener. @default 15001 */
  readonly outboundPort?: number;
  /** Inbound ports that bypass Envoy: numbers, or labels of static ports. @default none */
  readonly excludeInboundPorts?: readonly string[];
  /** Outbound ports that bypass Envoy. @default none */
  readonly excludeOutboundPorts?: readonly number[];
  /** Outbound subnets that bypass Envoy, in CIDR notation. @default none */
  readonly excludeOutboundCidrs?: readonly string[];
  /** User ids whose traffic bypasses Envoy. @default none */
  readonly excludeUids?: readonly string[];
  /** Whether DNS queries are not redirected to Consul. @default false */
  readonly noDns?: boolean;
}

/** @internal */
export const TRANSPARENT_PROXY_SHAPE: is.Shape<TransparentProxyOptions> = {
  uid: is.text,
  outboundPort: is.number,
  excludeInboundPorts: is.list(is.text),
  excludeOutboundPorts: is.list(is.number),
  excludeOutboundCidrs: is.list(is.text),
  excludeUids: is.list(is.text),
  noDns: is.flag,
};

/** @internal */
export function renderTransparentProxy(options: TransparentProxyOptions): nomad.ConsulTransparentProxy {
  return {
    UID: options.uid,
    OutboundPort: options.outboundPort,
    ExcludeInboundPorts: options.excludeInboundPorts,
    ExcludeOutboundPorts: options.excludeOutboundPorts,
    ExcludeOutboundCIDRs: options.excludeOutboundCidrs,
    ExcludeUIDs: options.excludeUids,
    NoDNS: options.noDns,
  };
}
