import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { DESTINATION, type TrafficDestination } from "./destination";

/** Where else a service's name leads. */
export interface RedirectOptions {
  /** Consul datacenter, reached through mesh gateways. @default the own one */
  readonly datacenter?: string;
  /** Cluster peer. Excludes `datacenter` and a subset. @default that of the destination */
  readonly peer?: string;
}

const REDIRECT_SHAPE: is.Shape<RedirectOptions> = { datacenter: is.name, peer: is.name };

/**
 * Sends all that is meant for a service elsewhere, whatever its health.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-resolver#redirect
 */
export class Redirect {
  private constructor(
    /** @internal Where to; `undefined` for the same service elsewhere. */
    readonly destination: TrafficDestination | undefined,
    /** @internal */
    readonly options: RedirectOptions,
  ) {}

  /** @internal */
  examine(place: Place): void {
    DESTINATION(place, "destination", this.destination);
    is.examineProperties(place, this.options, REDIRECT_SHAPE);
  }

  /** To another service, or to a subset. One of another datacenter's mesh is reached through mesh gateways. */
  static to(destination: TrafficDestination, options: RedirectOptions = {}): Redirect {
    return new Redirect(destination, options);
  }

  /** To the same service in another datacenter. */
  static datacenter(datacenter: string): Redirect {
    return new Redirect(undefined, { datacenter });
  }

  /** To the same service of a cluster peer. */
  static peer(peer: string): Redirect {
    return new Redirect(undefined, { peer });
  }
}
