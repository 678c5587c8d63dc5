import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { DESTINATION, type TrafficDestination } from "./destination";
import { sharedClass } from "../../core/shared-class";

/** One destination of a failover. */
export interface FailoverTarget {
  /** Subset or service, in this mesh or in that of another datacenter. @default the same service, and the same subset if a subset fails */
  readonly to?: TrafficDestination;
  /** Consul datacenter of a WAN federation, reached through mesh gateways. @default the datacenter of the service */
  readonly datacenter?: string;
  /** Name of a cluster peer. It cannot be combined with `datacenter` or a subset. @default the cluster peer of `to`, if any */
  readonly peer?: string;
}

const FAILOVER_TARGET_SHAPE: is.Shape<FailoverTarget> = { to: DESTINATION, datacenter: is.name, peer: is.name };

/**
 * Where requests go while a service, or a subset of it, has no healthy instance. The targets are tried in order.
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

  /** Fails over to other subsets or services. Those in the mesh of another datacenter are reached through mesh gateways. */
  static to(...destinations: readonly [TrafficDestination, ...TrafficDestination[]]): Failover {
    return new Failover(destinations.map((to) => ({ to })));
  }

  /** Fails over to the same service in other datacenters of a WAN federation. Each datacenter needs a mesh gateway. */
  static datacenters(...datacenters: readonly [string, ...string[]]): Failover {
    return new Failover(datacenters.map((datacenter) => ({ datacenter })));
  }

  /** Fails over to the same service of cluster peers that this app does not create; they must export the service. */
  static peers(...peers: readonly [string, ...string[]]): Failover {
    return new Failover(peers.map((peer) => ({ peer })));
  }

  /** Fails over to targets of different kinds. */
  static targets(...targets: readonly [FailoverTarget, ...FailoverTarget[]]): Failover {
    return new Failover(targets);
  }
}
