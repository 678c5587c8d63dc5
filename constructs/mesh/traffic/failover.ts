import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { DESTINATION, type TrafficDestination } from "./destination";
import { sharedClass } from "../../core/shared-class";

/** One place to try when no healthy instance is left. */
export interface FailoverTarget {
  /** Subset or service, be it of another datacenter's mesh. @default the same service; of the subset that fails, where there is one */
  readonly to?: TrafficDestination;
  /** Consul datacenter, reached through mesh gateways. @default the own one */
  readonly datacenter?: string;
  /** Cluster peer. Excludes `datacenter` and a subset. @default that of `to` */
  readonly peer?: string;
}

const FAILOVER_TARGET_SHAPE: is.Shape<FailoverTarget> = { to: DESTINATION, datacenter: is.name, peer: is.name };

/**
 * Where requests go while a service, or a subset of it, has no healthy instance. Places are tried in their order.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-resolver#failover
 */
export class Failover {
  static {
    sharedClass(this, "Failover");
  }

  private constructor(
    /** @internal */
    readonly targets: readonly FailoverTarget[],
  ) {}

  /** @internal */
  examine(place: Place): void {
    this.targets.forEach((target, index) => {
      is.required(is.block(FAILOVER_TARGET_SHAPE))(place, `targets[${index}]`, target);
    });
  }

  /** To other subsets or services. One of another datacenter's mesh is reached through mesh gateways. */
  static to(...destinations: readonly [TrafficDestination, ...TrafficDestination[]]): Failover {
    return new Failover(destinations.map((to) => ({ to })));
  }

  /** To the same service in other datacenters of a WAN federation. Each needs a mesh gateway that reaches it. */
  static datacenters(...datacenters: readonly [string, ...string[]]): Failover {
    return new Failover(datacenters.map((datacenter) => ({ datacenter })));
  }

  /** To the same service of cluster peers which are not of this app; they must export it. */
  static peers(...peers: readonly [string, ...string[]]): Failover {
    return new Failover(peers.map((peer) => ({ peer })));
  }

  /** To places of different kinds. */
  static targets(...targets: readonly [FailoverTarget, ...FailoverTarget[]]): Failover {
    return new Failover(targets);
  }
}
