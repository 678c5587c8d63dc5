import { Construct } from "constructs";
import type * as consul from "../../consul/generated/config-entries";
import { Protocol } from "../../consul/protocol";
import type { VirtualServiceRecord } from "../../model/records";
import * as is from "../../core/shape";
import { DerivedConfigEntry } from "../config-entry";
import { MEMBER_SHAPE, PROTOCOL, RESOLVE_SHAPE, ROUTE_SHAPE, SPLIT_SHAPE } from "../shapes";
import type { Mesh } from "../mesh";
import { refuseUnknownName } from "../mesh-member";
import { ServiceTraffic, type ResolveOptions, type Route, type Split, type TrafficOwner } from "./service-traffic";

/** Props of {@link ServiceMesh.addVirtualService}. */
export interface VirtualServiceBaseProps extends Pick<
  ResolveOptions,
  "redirect" | "failover" | "connectTimeout" | "requestTimeout"
> {
  /** Name of the virtual service in Consul. A DNS label. @default the construct's id */
  readonly serviceName?: string;
  /** Protocol of all services to which the virtual service routes. @default Protocol.TCP */
  readonly protocol?: Protocol;
  /** How requests are split: see {@link MeshService.split}. @default none */
  readonly splits?: readonly Split[];
  /** Routes for some of the requests, in order: see {@link MeshService.route}. @default none */
  readonly routes?: readonly Route[];
}

/** Props of {@link VirtualService}. */
export interface VirtualServiceProps extends VirtualServiceBaseProps {
  /** The mesh of the virtual service, in this stack or another one. */
  readonly mesh: Mesh;
}

const VIRTUAL_SERVICE_SHAPE: is.Shape<VirtualServiceProps> = {
  ...MEMBER_SHAPE,
  protocol: PROTOCOL,
  splits: is.list(is.block(SPLIT_SHAPE)),
  routes: is.list(is.block(ROUTE_SHAPE)),
  redirect: RESOLVE_SHAPE.redirect,
  failover: RESOLVE_SHAPE.failover,
  connectTimeout: RESOLVE_SHAPE.connectTimeout,
  requestTimeout: RESOLVE_SHAPE.requestTimeout,
};

/**
 * A service name without instances, which routes to other services. Use it for the previous name of a service, or for one name for
 * several services.
 *
 * @example
 * const orders = mesh.addService("orders", { port: 8000, workload });
 * mesh.addVirtualService("orders-old", { redirect: Redirect.to(orders) });
 */
export class VirtualService extends Construct implements TrafficOwner {
  readonly serviceName: string;
  readonly protocol: Protocol;
  readonly mesh: Mesh;
  /** @internal */
  readonly traffic: ServiceTraffic;

  constructor(scope: Construct, id: string, props: VirtualServiceProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, VIRTUAL_SERVICE_SHAPE);
    const { mesh, serviceName = id, protocol = Protocol.TCP, splits, routes = [], ...resolution } = props;
    refuseUnknownName(this, "service", serviceName);
    this.serviceName = serviceName;
    this.protocol = protocol;
    this.mesh = mesh;
    this.traffic = new ServiceTraffic(this);
    mesh.addMember<VirtualServiceRecord>(this, { kind: "virtual service", name: serviceName, protocol });
    new DerivedConfigEntry<consul.ServiceConfigEntry>(this, "Defaults", {
      kind: "service-defaults",
      name: serviceName,
      // Consul always answers with TransparentProxy; without it each plan would find a difference.
      entry: () => ({ TransparentProxy: {}, Protocol: protocol }),
    });
    this.traffic.resolve(resolution);
    if (splits !== undefined) {
      this.traffic.split(splits);
    }
    for (const route of routes) {
      this.traffic.route(route);
    }
  }
}
