import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { DESTINATION, type TrafficDestination } from "./destination";

/** Options of {@link Redirect.to}. */
export interface RedirectOptions {
  /** Consul datacenter of a WAN federation, reached through mesh gateways. @default the datacenter of the service */
  readonly datacenter?: string;
  /** Name of a cluster peer. It cannot be combined with `datacenter` or a subset. @default the cluster peer of the destination, if any */
  readonly peer?: string;
}

const REDIRECT_SHAPE: is.Shape<RedirectOptions> = { datacenter: is.name, peer: is.name };

/**
 * Sends all requests and connections for a service to another destination, whatever the health of the service.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-resolver#redirect
 */
export class Redirect {
  private constructor(
    /** @internal The destination; `undefined` for the same service in another datacenter or cluster. */
    readonly destination: TrafficDestination | undefined,
    /** @internal */
    readonly options: RedirectOptions,
  ) {}

  /** @internal */
  examine(place: Place): void {
    DESTINATION(place, "destination", this.destination);
    is.examineProperties(place, this.options, REDIRECT_SHAPE);
  }

  /** Redirects to another service, or to a subset. A service in the mesh of another datacenter is reached through mesh gateways. */
  static to(destination: TrafficDestination, options: RedirectOptions = {}): Redirect {
    return new Redirect(destination, options);
  }

  /** Redirects to the same service in another datacenter of a WAN federation. */
  static datacenter(datacenter: string): Redirect {
    return new Redirect(undefined, { datacenter });
  }

  /** Redirects to the same service of a cluster peer. */
  static peer(peer: string): Redirect {
    return new Redirect(undefined, { peer });
  }
}
