import { Token } from "cdktf";
import { Construct } from "constructs";
import { ConsulConfigEntry } from "../../consul/consul-config-entry";
import type * as consul from "../../consul/generated/config-entries";
import { Protocol } from "../../consul/protocol";
import { MeshError } from "../../core/errors";
import type { ServiceMesh } from "../service-mesh";
import { ServiceTraffic, type ResolveOptions, type Route, type Split, type TrafficOwner } from "./service-traffic";

/** What {@link ServiceMesh.addVirtualService} takes. */
export interface VirtualServiceBaseProps extends Pick<
  ResolveOptions,
  "redirect" | "failover" | "connectTimeout" | "requestTimeout"
> {
  /** Name in Consul. A DNS label. @default the construct's id */
  readonly serviceName?: string;
  /** What it speaks: what all services speak to which it leads. @default Protocol.TCP */
  readonly protocol?: Protocol;
  /** @default none */
  readonly splits?: readonly Split[];
  /** @default none */
  readonly routes?: readonly Route[];
}

/** Props of {@link VirtualService}. */
export interface VirtualServiceProps extends VirtualServiceBaseProps {
  /** The mesh that it belongs to, in this stack or another one. */
  readonly mesh: ServiceMesh;
}

/**
 * A name without instances of its own, which leads to other services: the former name of one, or one name for several.
 *
 * @example
 * const orders = mesh.addService("orders", { port: 8000, workload });
 * mesh.addVirtualService("orders-old", { redirect: Redirect.to(orders) });
 */
export class VirtualService extends Construct implements TrafficOwner {
  readonly serviceName: string;
  readonly protocol: Protocol;
  readonly mesh: ServiceMesh;
  /** @internal */
  readonly traffic: ServiceTraffic = new ServiceTraffic(this);
  /** @internal */
  readonly defaults: ConsulConfigEntry<consul.ServiceConfigEntry>;

  constructor(scope: Construct, id: string, props: VirtualServiceProps) {
    super(scope, id);
    const { mesh, serviceName = id, protocol = Protocol.TCP, splits, routes = [], ...resolution } = props;
    this.serviceName = serviceName;
    this.protocol = protocol;
    this.mesh = mesh;
    if (Token.isUnresolved(serviceName)) {
      throw new MeshError(
        this,
        "The name of the service is only known to Terraform.",
        "Give it literally: the graph is built on names.",
      );
    }
    mesh.registerVirtualService(this);
    this.defaults = new ConsulConfigEntry<consul.ServiceConfigEntry>(this, "Defaults", {
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

  /** @internal */
  instancesBehind(): readonly [] {
    return [];
  }
}
