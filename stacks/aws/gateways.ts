import type { AwsSettings } from "./settings";

/** The pool of clients for mesh gateways, and its node pool in Nomad. */
export const GATEWAYS = "gateways";

/** How many machines each cluster has for mesh gateways, and so how many instances of one can run: two where they can be in two zones. */
export function gatewayCount({ peerRegion, zones }: AwsSettings): number {
  return peerRegion === undefined ? 0 : Math.min(zones, 2);
}
