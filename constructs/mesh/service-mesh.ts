import type { Construct, IConstruct } from "constructs";
import { attachChecks } from "../checks/attach";
import { MESH_CHECKS } from "../checks/rules";
import type { WorkloadAuthMethod } from "../access/workload-auth-method";
import { renderExportedServices } from "../consul/exported-services";
import type * as consul from "../consul/generated/config-entries";
import { renderMeshConfig, type MeshConfig } from "../consul/mesh-config";
import { MeshError } from "../core/errors";
import { Graph } from "../model/graph";
import type { Need } from "../model/needs";
import { constructAt, originOf } from "../model/origin";
import type { GatewayRecord } from "../model/records";
import type { Cluster } from "../model/cluster";
import type { Snapshot } from "../model/snapshot";
import type * as nomad from "../nomad/generated/job";
import type { JobPlacement } from "../nomad/job";
import type { Sidecar } from "../nomad/sidecar";
import { ConsulConfigEntry } from "./config-entry";
import { ApiGateway, type ApiGatewayBaseProps } from "./gateways/api-gateway";
import { ExternalService, type ExternalServiceBaseProps } from "./gateways/external-service";
import { Gateway } from "./gateways/gateway";
import { IngressGateway, type IngressGatewayBaseProps } from "./gateways/ingress-gateway";
import { MeshGateway, type MeshGatewayBaseProps } from "./gateways/mesh-gateway";
import { TerminatingGateway, type TerminatingGatewayBaseProps } from "./gateways/terminating-gateway";
import { MeshJob, type MeshJobBaseProps } from "./jobs/mesh-job";
import { ImportedMesh } from "./imported-mesh";
import { Mesh, type MeshDefaults } from "./mesh";
import { MeshService, type MeshServiceBaseProps } from "./mesh-service";
import type { AccessLogs } from "./observability/access-logs";
import type { Metrics } from "./observability/metrics";
import { Prometheus, type PrometheusBaseProps } from "./observability/prometheus";
import { renderProxyDefaults } from "./observability/proxy-defaults";
import type { Tracing } from "./observability/tracing";
import { VirtualService, type VirtualServiceBaseProps } from "./traffic/virtual-service";
import * as is from "../core/shape";
import { MESH_SHAPE } from "./shapes";

/** Props of {@link ServiceMesh}. */
export interface ServiceMeshProps extends JobPlacement {
  /**
   * Consul datacenter of the mesh. Meshes of one app that say different ones are cluster peers, each by the name of its
   * datacenter: a connection, a failover or a redirect leads from one to another, through mesh gateways.
   *
   * @default the provider's
   */
  readonly datacenter?: string;
  /** Consul datacenters, other ones or this one, that have a mesh gateway which is not of this app. @default none */
  readonly gatewayDatacenters?: readonly string[];
  /** The Envoy beside each service that does not bring its own. @default Sidecar.docker() */
  readonly sidecar?: Sidecar;
  /**
   * Fields of the mesh's proxy-defaults, which hold for every Envoy; `false` where another stack or team owns that entry.
   *
   * @default {}
   * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/proxy-defaults
   */
  readonly proxyDefaults?: Omit<consul.ProxyConfigEntry, "Kind" | "Name"> | false;
  /**
   * Fields of Consul's config entry `mesh`, of which a cluster has one; `false` where another stack or team owns that entry, which
   * must then normalize requests if there are permissions here.
   *
   * @default {}, and no entry where it would say nothing
   * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/mesh
   */
  readonly meshConfig?: MeshConfig | false;
  /**
   * Where its gateways are let in to Consul, in a cluster with access control: an `AccessStack`'s `workloads`, or
   * {@link WorkloadIdentityAuthMethod.fromName} where the rules of services are somebody else's.
   *
   * @default nowhere: there is no access control, or each gateway has its `bindTo`
   */
  readonly gatewayAuthMethod?: WorkloadAuthMethod;
  /** How each Envoy tells what it does. @default it does not */
  readonly metrics?: Metrics;
  /** Where each Envoy writes down requests and connections. @default nowhere */
  readonly accessLogs?: AccessLogs;
  /** Where each Envoy sends the spans of requests. @default nowhere */
  readonly tracing?: Tracing;
}

/**
 * The services of one mesh and who talks to whom. Nothing may reach anything unless a connection says so.
 *
 * @example
 * const mesh = new ServiceMesh(stack, "mesh");
 * const api = mesh.addService("count-api", { port: 9001, protocol: Protocol.HTTP, workload });
 */
export class ServiceMesh extends Mesh {
  /**
   * A mesh that another app owns. Its services are named by `service(…)`; they are reached through mesh gateways where it is in another
   * datacenter, which then is a cluster peer by that name.
   *
   * @param datacenter its Consul datacenter
   */
  static fromDatacenter(scope: Construct, id: string, datacenter: string): ImportedMesh {
    return new ImportedMesh(scope, id, datacenter);
  }

  readonly datacenter: string | undefined;
  /** What holds for every Envoy of the mesh; `undefined` where another stack or team owns it. */
  readonly proxyDefaults: ConsulConfigEntry<consul.ProxyConfigEntry> | undefined;
  /** The config entry `mesh`; `undefined` where another stack or team owns it. */
  readonly meshConfig: ConsulConfigEntry<consul.MeshConfigEntry> | undefined;
  /** @internal */
  readonly memberDefaults: MeshDefaults;
  /** @internal */
  readonly gatewayAuthMethod: WorkloadAuthMethod | undefined;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: ServiceMeshProps = {},
  ) {
    super(scope, id);
    is.refuseWrongValues(this, props, MESH_SHAPE);
    const { datacenter, region, gatewayDatacenters = [], proxyDefaults = {}, meshConfig = {} } = props;
    const { nomadDatacenters, namespace, nodePool, priority, waitUntilHealthy, sidecar } = props;
    this.datacenter = datacenter;
    this.memberDefaults = { nomadDatacenters, region, namespace, nodePool, priority, waitUntilHealthy, sidecar };
    this.gatewayAuthMethod = props.gatewayAuthMethod;
    const key = this.node.path;
    Graph.of(this).write(this, ({ meshes }) =>
      meshes.set(key, {
        ...{ key, origin: originOf(this), datacenter, region, gatewayDatacenters },
        ownsMeshConfig: meshConfig !== false,
        requestNormalization: meshConfig === false ? undefined : meshConfig.requestNormalization,
      }),
    );
    attachChecks(this, MESH_CHECKS);
    if (proxyDefaults === false && (props.accessLogs !== undefined || props.tracing !== undefined)) {
      throw new MeshError(
        this,
        `${props.accessLogs === undefined ? "Tracing is" : "Access logs are"} configured in proxy-defaults, which another stack or team owns.`,
        "Set it in that entry, or omit proxyDefaults: false.",
      );
    }
    this.proxyDefaults = proxyDefaults === false ? undefined : this.addProxyDefaults(proxyDefaults);
    this.addExportedServices();
    this.meshConfig = meshConfig === false ? undefined : this.addMeshConfig(meshConfig);
  }

  /** Adds a service to the mesh, in the mesh's own stack. For another stack: `new MeshService(stack, id, { mesh, … })`. */
  addService(id: string, props: MeshServiceBaseProps): MeshService {
    return new MeshService(this, id, this.inThisMesh(id, props));
  }

  /** Adds a job with groups and services of its own choice. For another stack: `new MeshJob(stack, id, { mesh, … })`. */
  addJob(id: string, props: MeshJobBaseProps = {}): MeshJob {
    return new MeshJob(this, id, this.inThisMesh(id, props));
  }

  /** Adds a gateway for those outside the mesh: by host, path or header of a request, or by port. */
  addApiGateway(id: string, props: ApiGatewayBaseProps): ApiGateway {
    return new ApiGateway(this, id, this.inThisMesh(id, props));
  }

  /** Adds a gateway for those outside the mesh, by host or port. Consul has deprecated this kind: see {@link addApiGateway}. */
  addIngressGateway(id: string, props: IngressGatewayBaseProps): IngressGateway {
    return new IngressGateway(this, id, this.inThisMesh(id, props));
  }

  /** Adds a service outside the mesh, which a terminating gateway leads to. */
  addExternalService(id: string, props: ExternalServiceBaseProps): ExternalService {
    return new ExternalService(this, id, this.inThisMesh(id, props));
  }

  /** Adds a gateway to services outside the mesh. */
  addTerminatingGateway(id: string, props: TerminatingGatewayBaseProps = {}): TerminatingGateway {
    return new TerminatingGateway(this, id, this.inThisMesh(id, props));
  }

  /** Adds a name that leads to other services. For another stack: `new VirtualService(stack, id, { mesh, … })`. */
  addVirtualService(id: string, props: VirtualServiceBaseProps): VirtualService {
    return new VirtualService(this, id, this.inThisMesh(id, props));
  }

  /** Adds a gateway to other datacenters and peered clusters. */
  addMeshGateway(id: string, props: MeshGatewayBaseProps = {}): MeshGateway {
    return new MeshGateway(this, id, this.inThisMesh(id, props));
  }

  /** Adds a Prometheus that watches the mesh, with its rules, in the mesh's own stack. */
  addPrometheus(id: string, props: PrometheusBaseProps = {}): Prometheus {
    return new Prometheus(this, id, this.inThisMesh(id, props));
  }

  /** The services of the mesh, in whatever stack, in the order they were added. */
  get services(): readonly MeshService[] {
    return this.membersOf((member) => member instanceof MeshService);
  }

  /** The gateways of the mesh, of whatever kind, in the order they were added. */
  get gateways(): readonly Gateway[] {
    return this.membersOf((member) => member instanceof Gateway);
  }

  /** @internal */
  override observe(job: nomad.Job): nomad.Job {
    const { metrics, tracing, proxyDefaults = {} } = this.props;
    const traced = tracing?.trace(job) ?? job;
    return metrics?.expose(traced, proxyDefaults) ?? traced;
  }

  private inThisMesh<Props extends object>(id: string, props: Props): Props & { readonly mesh: ServiceMesh } {
    is.refuseWrongArgument(this, `props of ${id}`, props, is.fields);
    return { mesh: this, ...props };
  }

  private membersOf<Member extends IConstruct>(isOne: (member: IConstruct) => member is Member): readonly Member[] {
    return Graph.of(this).read(({ members }) =>
      [...members.values()]
        .filter(({ mesh }) => mesh === this.node.path)
        .flatMap(({ key }) => constructAt(this.node.root, key) ?? [])
        .filter(isOne),
    );
  }

  private addProxyDefaults(
    own: Omit<consul.ProxyConfigEntry, "Kind" | "Name">,
  ): ConsulConfigEntry<consul.ProxyConfigEntry> {
    return new ConsulConfigEntry<consul.ProxyConfigEntry>(this, "ProxyDefaults", {
      kind: "proxy-defaults",
      name: "global",
      entry: (graph) => renderProxyDefaults({ ...meshGatewayMode(this.clusterIn(graph)), ...own }, this.props),
    });
  }

  private addExportedServices(): void {
    new ConsulConfigEntry<consul.ExportedServicesConfigEntry>(this, "ExportedServices", {
      kind: "exported-services",
      name: "default",
      entry: (graph) => {
        const { meshes, intentions, derivedIntentions } = this.clusterIn(graph);
        // A cluster has one such entry, whatever number of meshes states what is in it.
        return meshes[0]?.key === this.node.path
          ? renderExportedServices(
              [...intentions, ...derivedIntentions].map(({ destination, source }) => ({
                destination,
                peer: source.peer,
              })),
            )
          : undefined;
      },
      // Once a tcp service is exported, Consul refuses every entry that would lead its connections to a further service.
      dependsOn: (graph) => [this.proxyDefaults, ...this.chainsOfOwnStack(graph)],
    });
  }

  private addMeshConfig(config: MeshConfig): ConsulConfigEntry<consul.MeshConfigEntry> {
    return new ConsulConfigEntry<consul.MeshConfigEntry>(this, "MeshConfig", {
      kind: "mesh",
      name: "mesh",
      entry: (graph) =>
        renderMeshConfig(
          {
            ...config,
            peerThroughMeshGateways: config.peerThroughMeshGateways ?? peersThroughGateways(this.clusterIn(graph)),
          },
          graph.requestNormalizationOf(this.node.path),
        ),
      // Permissions wait for it. When both go, Terraform would otherwise remove it while the permissions are still there.
      isRemovedLast: true,
    });
  }

  private clusterIn(graph: Snapshot): Cluster {
    return graph.clusterOf(this.node.path);
  }

  /** All that Consul compiles discovery chains from, in this stack: other stacks wait for the mesh's. */
  private chainsOfOwnStack(graph: Snapshot): readonly Need[] {
    const { stack } = originOf(this);
    const kinds = ["service-defaults", "service-resolver", "service-splitter", "service-router"] as const;
    return this.clusterIn(graph)
      .trafficOwners.filter(({ origin }) => origin.stack === stack)
      .flatMap(({ name }) => kinds.map((kind) => ({ entry: { kind, name } })));
  }
}

/** Traffic for other datacenters leaves by the mesh's own gateway: no other node needs a way there. */
function meshGatewayMode(cluster: Cluster): Pick<consul.ProxyConfigEntry, "MeshGateway"> {
  return hasPeers(cluster) && meshGatewaysOf(cluster).length > 0 ? { MeshGateway: { Mode: "local" } } : {};
}

function peersThroughGateways(cluster: Cluster): boolean {
  const gateways = meshGatewaysOf(cluster);
  const said = gateways.map(({ peerThroughMeshGateways }) => peerThroughMeshGateways).find((it) => it !== undefined);
  return said ?? (gateways.length > 0 && hasPeers(cluster));
}

function hasPeers({ peers, foreignPeers }: Cluster): boolean {
  return peers.size + foreignPeers.size > 0;
}

function meshGatewaysOf({ gateways }: Cluster): readonly GatewayRecord[] {
  return gateways.filter(({ gatewayKind }) => gatewayKind === "mesh gateway");
}
