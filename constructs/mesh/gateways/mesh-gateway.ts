import type { AclBindingRule } from "@cdktf/provider-consul/lib/acl-binding-rule";
import type { Construct } from "constructs";
import type { WorkloadAuthMethod } from "../../access/workload-auth-method";
import { listeningCheck, renderGatewayBlockJob, type GatewayBlockProps } from "../../nomad/gateway-job";
import { MESH_GATEWAY_SHAPE } from "../shapes";
import { Gateway, type GatewayBaseProps, type InMesh } from "./gateway";
import { numberText } from "../../core/collections";

/** What {@link ServiceMesh.addMeshGateway} takes. */
export interface MeshGatewayBaseProps extends GatewayBaseProps, GatewayBlockProps {
  /** Port of the node where it is reached, from its own datacenter and from others. @default 8443 */
  readonly port?: number;
  /** Nomad's name for the network of the node on which that port is open. @default the node's own address */
  readonly hostNetwork?: string;
  /**
   * IP address that other datacenters reach it at, where that is not the node's own; Nomad's variables may stand in it, as
   * in `"${attr.unique.platform.aws.public-ipv4}"`.
   *
   * @default the address that its own datacenter uses
   */
  readonly wanAddress?: string;
  /** Port that goes with `wanAddress`. @default `port` */
  readonly wanPort?: number;
  /**
   * Whether what Consul's servers of peered clusters tell each other goes through mesh gateways too, so that no server must
   * be reachable from outside. It holds for the whole cluster: say it at one gateway.
   *
   * @default whether the mesh has peers in this app
   * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/mesh#peering
   */
  readonly peerThroughMeshGateways?: boolean;
}

/** Props of {@link MeshGateway}. */
export interface MeshGatewayProps extends MeshGatewayBaseProps, InMesh {}

/** Label of the port that others reach. */
const WAN_PORT = "wan";

/** The port that Consul's own documentation uses. */
const DEFAULT_PORT = 8443;

/**
 * Carries traffic of the mesh between datacenters and between peered clusters. It sees only TLS: the sidecars at both ends
 * encrypt, and the intention of the destination decides. Which way traffic takes is said at each upstream, or for the whole
 * mesh in proxy-defaults: see {@link MeshGatewayMode}.
 *
 * @example
 * mesh.addMeshGateway("mesh-gateway", { wanAddress: "${attr.unique.platform.aws.public-ipv4}" });
 * @see https://developer.hashicorp.com/consul/docs/east-west/mesh-gateway
 */
export class MeshGateway extends Gateway<MeshGatewayBaseProps> {
  constructor(scope: Construct, id: string, props: MeshGatewayProps) {
    super(scope, id, props, "mesh gateway", MESH_GATEWAY_SHAPE);
    const { serviceName, port } = this;
    const { hostNetwork, wanAddress, wanPort, peerThroughMeshGateways } = this.props;
    this.declare({
      hostPorts: [port],
      peerThroughMeshGateways,
      render: () =>
        renderGatewayBlockJob(this.props, {
          serviceName,
          kind: "mesh",
          runtime: this.envoyRuntime,
          gateway: { Mesh: {} },
          // The same number inside and outside: Nomad tells Envoy the node's.
          ports: [{ Label: WAN_PORT, Value: port, To: port, HostNetwork: hostNetwork }],
          service: {
            PortLabel: WAN_PORT,
            TaggedAddresses:
              wanAddress === undefined && wanPort === undefined
                ? undefined
                : { wan: `${wanAddress ?? "${attr.unique.network.ip-address}"}:${numberText(wanPort ?? port)}` },
            Checks: [listeningCheck(`${serviceName} listens`, WAN_PORT)],
          },
        }),
    });
  }

  /** Consul datacenter whose traffic it carries; `undefined` where that is the provider's own. */
  get datacenter(): string | undefined {
    return this.mesh.datacenter;
  }

  /** Port of the node where it is reached. */
  get port(): number {
    return this.props.port ?? DEFAULT_PORT;
  }

  protected override addRule(access: WorkloadAuthMethod): AclBindingRule {
    return access.allowMeshGateway(this.serviceName, this.workload);
  }
}
