import type { AclBindingRule } from "@cdktf/provider-consul/lib/acl-binding-rule";
import type { Construct } from "constructs";
import type { WorkloadAuthMethod } from "../../access/workload-auth-method";
import type * as consul from "../../consul/generated/config-entries";
import { problemOfUpstreamPolicy, renderUpstreamPolicy, type UpstreamLimits } from "../../consul/upstream-config";
import { MeshError } from "../../core/errors";
import { listeningCheck, renderGatewayBlockJob, type GatewayBlockProps } from "../../nomad/gateway-job";
import { type ConsulConfigEntry, DerivedConfigEntry } from "../config-entry";
import { withMeshGatewayMode } from "../service-entries";
import { MESH_GATEWAY_SHAPE } from "../shapes";
import { Gateway, type GatewayBaseProps, type InMesh } from "./gateway";
import { mergeMaps, numberText } from "../../core/collections";

/** Props of {@link ServiceMesh.addMeshGateway}. */
export interface MeshGatewayBaseProps extends GatewayBaseProps, GatewayBlockProps {
  /** Static port of the node on which the gateway listens, for its own datacenter and for others. @default 8443 */
  readonly port?: number;
  /** Name of the client's `host_network` on which the port is open. @default the node's default network */
  readonly hostNetwork?: string;
  /**
   * IP address at which other datacenters reach the gateway, if it is not the address of the node. It can contain Nomad's variables, such
   * as `"${attr.unique.platform.aws.public-ipv4}"`.
   *
   * @default the address that its own datacenter uses
   */
  readonly wanAddress?: string;
  /** Port at which other datacenters reach the gateway, together with `wanAddress`. @default `port` */
  readonly wanPort?: number;
  /**
   * Whether the Consul servers of peered clusters also communicate through mesh gateways, so that no server must be reachable from
   * outside. It applies to the whole cluster: set it for one gateway.
   *
   * @default true if connections of this app lead to or from a cluster peer of the mesh, otherwise false
   * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/mesh#peering
   */
  readonly peerThroughMeshGateways?: boolean;
  /**
   * Limits of what one instance of the gateway sends to all instances of a service. They are in the gateway's own service-defaults.
   *
   * @default Envoy's: 1024 of each
   * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-defaults#upstreamconfig-defaults-limits
   */
  readonly limits?: UpstreamLimits;
}

/** Props of {@link MeshGateway}. */
export interface MeshGatewayProps extends MeshGatewayBaseProps, InMesh {}

/** Label of the port of the gateway. */
const WAN_PORT = "wan";

/** The port in Consul's documentation. */
const DEFAULT_PORT = 8443;

/**
 * A gateway for traffic of the mesh between datacenters and between peered clusters. It forwards TLS without decrypting it: the sidecars at
 * both ends encrypt the traffic, and the intentions of the destination apply. `meshGateway` of an upstream, or proxy-defaults for the
 * whole mesh, sets which gateways traffic uses: see {@link MeshGatewayMode}.
 *
 * @example
 * mesh.addMeshGateway("mesh-gateway", { wanAddress: "${attr.unique.platform.aws.public-ipv4}" });
 * @see https://developer.hashicorp.com/consul/docs/east-west/mesh-gateway
 */
export class MeshGateway extends Gateway<MeshGatewayBaseProps> {
  constructor(scope: Construct, id: string, props: MeshGatewayProps) {
    super(scope, id, props, "mesh gateway", MESH_GATEWAY_SHAPE);
    const { serviceName, port } = this;
    const { hostNetwork, wanAddress, wanPort, peerThroughMeshGateways, limits } = this.props;
    const defaults = limits && this.addDefaults(limits);
    this.declare({
      hostPorts: [port],
      peerThroughMeshGateways,
      needs: () => (defaults === undefined ? [] : [defaults]),
      render: () =>
        renderGatewayBlockJob(this.props, {
          serviceName,
          kind: "mesh",
          runtime: this.envoyRuntime,
          gateway: { Mesh: {} },
          // Use the same port inside the allocation: Nomad configures Envoy with the port of the node.
          ports: [{ Label: WAN_PORT, Value: port, To: port, HostNetwork: hostNetwork }],
          service: {
            PortLabel: WAN_PORT,
            // With it, Consul's servers reach those of the other datacenters through this gateway.
            ...(this.mesh.primaryDatacenter !== undefined && {
              Meta: mergeMaps<string>(this.props.meta, { "consul-wan-federation": "1" }),
            }),
            TaggedAddresses:
              wanAddress === undefined && wanPort === undefined
                ? undefined
                : { wan: `${wanAddress ?? "${attr.unique.network.ip-address}"}:${numberText(wanPort ?? port)}` },
            Checks: [listeningCheck(`${serviceName} listens`, WAN_PORT)],
          },
        }),
    });
  }

  private addDefaults(limits: UpstreamLimits): ConsulConfigEntry {
    const problem = problemOfUpstreamPolicy({ limits });
    if (problem !== undefined) {
      throw new MeshError(this, ...problem);
    }
    return new DerivedConfigEntry<consul.ServiceConfigEntry>(this, "Defaults", {
      kind: "service-defaults",
      name: this.serviceName,
      entry: (graph) => ({
        TransparentProxy: {},
        ...withMeshGatewayMode({ UpstreamConfig: { Defaults: renderUpstreamPolicy({ limits }) } }, graph, this.mesh),
      }),
    });
  }

  /** Name of the Consul datacenter of the gateway; `undefined` for the datacenter of the Consul provider. */
  get datacenter(): string | undefined {
    return this.mesh.datacenter;
  }

  /** Static port of the node on which the gateway listens. */
  get port(): number {
    return this.props.port ?? DEFAULT_PORT;
  }

  protected override addRule(access: WorkloadAuthMethod): AclBindingRule {
    return access.allowMeshGateway(this.serviceName, this.workload);
  }
}
