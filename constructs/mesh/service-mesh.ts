import type { Construct, IConstruct } from "constructs";
import { attachChecks } from "../checks/attach";
import { MESH_CHECKS } from "../checks/rules";
import type { WorkloadAuthMethod } from "../access/workload-auth-method";
import { DEFAULT_NAME, isDefaultTenancy, namespaceOf, partitionOf, tenancyText, type Tenancy } from "../consul/tenancy";
import type { EnvoyExtension } from "../consul/envoy-extension";
import { renderExportedServices, type ForeignAccess } from "../consul/exported-services";
import type * as consul from "../consul/generated/config-entries";
import { renderMeshConfig, type MeshConfig } from "../consul/mesh-config";
import { MeshError } from "../core/errors";
import { Graph } from "../model/graph";
import type { Need } from "../model/needs";
import { constructAt, originOf } from "../model/origin";
import type { GatewayRecord } from "../model/records";
import type { Cluster } from "../model/cluster";
import type { Snapshot } from "../model/snapshot";
import { replaceWithStartOptions } from "../nomad/envoy-start";
import type * as nomad from "../nomad/generated/job";
import type { JobPlacement } from "../nomad/job";
import type { Sidecar } from "../nomad/sidecar";
import { type ConsulConfigEntry, DerivedConfigEntry } from "./config-entry";
import { ApiGateway, type ApiGatewayBaseProps } from "./gateways/api-gateway";
import { ExternalService, type ExternalServiceBaseProps } from "./gateways/external-service";
import { Gateway } from "./gateways/gateway";
import { IngressGateway, type IngressGatewayBaseProps } from "./gateways/ingress-gateway";
import { MeshGateway, type MeshGatewayBaseProps } from "./gateways/mesh-gateway";
import { TerminatingGateway, type TerminatingGatewayBaseProps } from "./gateways/terminating-gateway";
import { MeshJob, type MeshJobBaseProps } from "./jobs/mesh-job";
import { JwtProvider, type JwtProviderBaseProps } from "./jwt-provider";
import { ImportedMesh } from "./imported-mesh";
import { Mesh, type MeshDefaults } from "./mesh";
import { MeshService, type MeshServiceBaseProps } from "./mesh-service";
import type { AccessLogs } from "./observability/access-logs";
import type { Metrics } from "./observability/metrics";
import { Prometheus, type PrometheusBaseProps } from "./observability/prometheus";
import { renderProxyDefaults } from "./observability/proxy-defaults";
import type { Tracing } from "./observability/tracing";
import { SamenessGroup, type SamenessGroupBaseProps } from "./sameness-group";
import { PreparedQuery, type PreparedQueryBaseProps } from "./prepared-query";
import { VirtualService, type VirtualServiceBaseProps } from "./traffic/virtual-service";
import { WildcardDestination } from "./wildcard-destination";
import * as is from "../core/shape";
import { MESH_SHAPE } from "./shapes";

/** Props of {@link ServiceMesh}. */
export interface ServiceMeshProps extends JobPlacement {
  /**
   * Name of the Consul datacenter of the mesh. Meshes of one app with different datacenters are cluster peers, and the peer name of each
   * is its datacenter. Connections, failovers and redirects between them go through mesh gateways.
   *
   * @default the datacenter of the Consul provider
   */
  readonly datacenter?: string;
  /**
   * Primary datacenter of the WAN federation of `datacenter`; in the mesh of the primary, its own name. Meshes with the same primary
   * are in one federation instead of being cluster peers. A federation has one set of config entries, which the primary owns, so all are
   * written in the stack of the first mesh of the primary datacenter: create that mesh first.
   *
   * @default none: the datacenter is not in a federation
   * @see https://developer.hashicorp.com/consul/docs/east-west/wan-federation
   */
  readonly primaryDatacenter?: string;
  /**
   * Partition and namespace of Consul Enterprise in which everything of the mesh is. Meshes of one datacenter with different tenancies can
   * connect to each other. The partition and the namespace must exist. Nomad places the jobs of a mesh that names a partition only on nodes
   * whose Consul agent is in that partition.
   *
   * @default the default namespace of the default partition, the only ones of the community edition
   * @see https://developer.hashicorp.com/consul/docs/multi-tenant
   */
  readonly tenancy?: Tenancy;
  /**
   * Names of Consul datacenters in which another app runs a mesh gateway: other datacenters, or the mesh's own. The check
   * `datacenter-without-gateway` then accepts traffic between datacenters that uses them.
   *
   * @default none
   */
  readonly gatewayDatacenters?: readonly string[];
  /** The Envoy of each service and gateway that has no `sidecar` of its own. @default Sidecar.docker() */
  readonly sidecar?: Sidecar;
  /**
   * Fields of the config entry `proxy-defaults`, which apply to every Envoy. Set `false` if another stack or team owns that entry.
   *
   * @default {}
   * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/proxy-defaults
   */
  readonly proxyDefaults?: Omit<consul.ProxyConfigEntry, "Kind" | "Name"> | false;
  /**
   * Fields of Consul's config entry `mesh`. A cluster has one such entry. Set `false` if another stack or team owns it; that entry must
   * then normalize requests if an intention of this mesh has permissions.
   *
   * @default {}, and no entry if it would be empty
   * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/mesh
   */
  readonly meshConfig?: MeshConfig | false;
  /**
   * Auth method with which the gateways of the mesh log in to Consul, in a cluster with ACLs: `workloads` of an `AccessStack`, or
   * {@link WorkloadIdentityAuthMethod.fromName} if another app or team manages the ACLs. Each gateway gets a binding rule of this
   * auth method.
   *
   * @default none: the cluster has no ACLs, or the app calls `bindTo` of each gateway
   */
  readonly gatewayAuthMethod?: WorkloadAuthMethod;
  /** How each Envoy exposes its metrics, in one or several ways. @default none: Envoys expose no metrics */
  readonly metrics?: Metrics | readonly Metrics[];
  /** Where each Envoy logs requests and connections. @default none: Envoys write no access logs */
  readonly accessLogs?: AccessLogs;
  /** Where each Envoy sends the spans of requests. @default none: Envoys send no spans */
  readonly tracing?: Tracing;
  /** Changes of what Consul configures in the Envoys of all services, in this order. They are part of proxy-defaults. @default none */
  readonly envoyExtensions?: readonly EnvoyExtension[];
}

/**
 * A service mesh: its services and gateways, and the connections between them. A service can reach another one only if a connection or an
 * intention allows it.
 *
 * @example
 * const mesh = new ServiceMesh(stack, "mesh");
 * const api = mesh.addService("count-api", { port: 9001, protocol: Protocol.HTTP, workload });
 */
export class ServiceMesh extends Mesh {
  /**
   * References a mesh that another app owns. Use `service(…)` of the result to reference one of its services. If the mesh is in another
   * datacenter, that datacenter must be a cluster peer of the same name, and traffic goes through mesh gateways.
   *
   * @param datacenter name of the Consul datacenter of that mesh
   */
  static fromDatacenter(scope: Construct, id: string, datacenter: string): ImportedMesh {
    return new ImportedMesh(scope, id, datacenter);
  }

  /**
   * References a mesh that another app owns, in another namespace or partition of the same datacenter, in Consul Enterprise. Use `service(…)`
   * of the result to reference one of its services. A service in another partition must be exported to that of this mesh.
   *
   * @param tenancy partition and namespace of that mesh
   */
  static fromTenancy(scope: Construct, id: string, tenancy: Tenancy): ImportedMesh {
    return new ImportedMesh(scope, id, undefined, tenancy);
  }

  readonly datacenter: string | undefined;
  readonly primaryDatacenter: string | undefined;
  readonly tenancy: Tenancy | undefined;
  /** @internal */
  readonly entryScope: Mesh | undefined;
  /** The config entry `proxy-defaults`; `undefined` if another stack or team owns it. */
  readonly proxyDefaults: ConsulConfigEntry<consul.ProxyConfigEntry> | undefined;
  /** The config entry `mesh`; `undefined` if another stack or team owns it. */
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
    const {
      datacenter,
      primaryDatacenter,
      tenancy,
      region,
      gatewayDatacenters = [],
      proxyDefaults = {},
      meshConfig = {},
    } = props;
    const { nomadDatacenters, namespace, nodePool, priority, waitUntilHealthy, sidecar } = props;
    this.datacenter = datacenter;
    this.primaryDatacenter = primaryDatacenter;
    this.tenancy = tenancy;
    if (primaryDatacenter !== undefined && !isDefaultTenancy(tenancy ?? {})) {
      throw new MeshError(
        this,
        `It is in ${tenancyText(tenancy ?? {})}, and in the WAN federation of "${primaryDatacenter}". Meshform does not combine the two.`,
        "Omit tenancy or primaryDatacenter.",
      );
    }
    this.entryScope = primaryDatacenter === datacenter ? undefined : this.findPrimary(primaryDatacenter);
    this.memberDefaults = { nomadDatacenters, region, namespace, nodePool, priority, waitUntilHealthy, sidecar };
    this.gatewayAuthMethod = props.gatewayAuthMethod;
    const key = this.node.path;
    Graph.of(this).write(this, ({ meshes }) =>
      meshes.set(key, {
        ...{ key, origin: originOf(this), datacenter, primaryDatacenter, tenancy, region, gatewayDatacenters },
        ownsMeshConfig: meshConfig !== false,
        requestNormalization: meshConfig === false ? undefined : meshConfig.requestNormalization,
      }),
    );
    attachChecks(this, MESH_CHECKS);
    const inProxyDefaults = {
      "Metrics that Envoys send are": this.metrics.find(({ needsProxyDefaults }) => needsProxyDefaults),
      "Access logs are": props.accessLogs,
      "Tracing is": props.tracing,
      "Extensions are": props.envoyExtensions,
    };
    const [what] = Object.entries(inProxyDefaults).find(([, given]) => given !== undefined) ?? [];
    if (proxyDefaults === false && what !== undefined) {
      throw new MeshError(
        this,
        `${what} configured in proxy-defaults, which another stack or team owns.`,
        "Set it in that entry, or omit proxyDefaults: false.",
      );
    }
    this.proxyDefaults = proxyDefaults === false ? undefined : this.addProxyDefaults(proxyDefaults);
    this.addExportedServices();
    this.meshConfig = meshConfig === false ? undefined : this.addMeshConfig(meshConfig);
  }

  /** Adds a service to the mesh, in the stack of the mesh. To add it to another stack: `new MeshService(stack, id, { mesh, … })`. */
  addService(id: string, props: MeshServiceBaseProps): MeshService {
    return new MeshService(this, id, this.inThisMesh(id, props));
  }

  /** Adds a job with any number of groups and services. To add it to another stack: `new MeshJob(stack, id, { mesh, … })`. */
  addJob(id: string, props: MeshJobBaseProps = {}): MeshJob {
    return new MeshJob(this, id, this.inThisMesh(id, props));
  }

  /** Adds a gateway for clients outside the mesh. It routes by host, path or headers of a request, or by port. */
  addApiGateway(id: string, props: ApiGatewayBaseProps): ApiGateway {
    return new ApiGateway(this, id, this.inThisMesh(id, props));
  }

  /** Adds a gateway for clients outside the mesh. It routes by host or port. Consul has deprecated this kind: see {@link addApiGateway}. */
  addIngressGateway(id: string, props: IngressGatewayBaseProps): IngressGateway {
    return new IngressGateway(this, id, this.inThisMesh(id, props));
  }

  /** Adds a service outside the mesh, to be reached through a terminating gateway. */
  addExternalService(id: string, props: ExternalServiceBaseProps): ExternalService {
    return new ExternalService(this, id, this.inThisMesh(id, props));
  }

  /** Adds a gateway to services outside the mesh. */
  addTerminatingGateway(id: string, props: TerminatingGatewayBaseProps = {}): TerminatingGateway {
    return new TerminatingGateway(this, id, this.inThisMesh(id, props));
  }

  /** Adds a name that routes to other services. To add it to another stack: `new VirtualService(stack, id, { mesh, … })`. */
  addVirtualService(id: string, props: VirtualServiceBaseProps): VirtualService {
    return new VirtualService(this, id, this.inThisMesh(id, props));
  }

  /** Adds a query for the instances of a service, for DNS, Consul's API and upstreams. */
  addPreparedQuery(id: string, props: PreparedQueryBaseProps): PreparedQuery {
    return new PreparedQuery(this, id, this.inThisMesh(id, props));
  }

  /** Adds a gateway to other datacenters and peered clusters. */
  addMeshGateway(id: string, props: MeshGatewayBaseProps = {}): MeshGateway {
    return new MeshGateway(this, id, this.inThisMesh(id, props));
  }

  /** Adds an issuer of tokens that services can require of requests. To add it to another stack: `new JwtProvider(stack, id, { mesh, … })`. */
  addJwtProvider(id: string, props: JwtProviderBaseProps): JwtProvider {
    return new JwtProvider(this, id, this.inThisMesh(id, props));
  }

  /**
   * Adds the intentions whose destination is any service of the cluster, for platform teams. To add them to another stack:
   * `new WildcardDestination(stack, id, { mesh })`.
   */
  addWildcardDestination(id: string): WildcardDestination {
    return new WildcardDestination(this, id, { mesh: this });
  }

  /** Adds a group of partitions and cluster peers with the same services. Requires Consul Enterprise. */
  addSamenessGroup(id: string, props: SamenessGroupBaseProps): SamenessGroup {
    return new SamenessGroup(this, id, this.inThisMesh(id, props));
  }

  /** Adds a Prometheus that scrapes the mesh, with recording and alerting rules, in the stack of the mesh. */
  addPrometheus(id: string, props: PrometheusBaseProps = {}): Prometheus {
    return new Prometheus(this, id, this.inThisMesh(id, props));
  }

  /** The services of the mesh, from all stacks, in the order in which they were added. */
  get services(): readonly MeshService[] {
    return this.membersOf((member) => member instanceof MeshService);
  }

  /** The gateways of the mesh, of all kinds, in the order in which they were added. */
  get gateways(): readonly Gateway[] {
    return this.membersOf((member) => member instanceof Gateway);
  }

  /** @internal */
  override observe(job: nomad.Job, graph: Snapshot): nomad.Job {
    const { tracing, proxyDefaults = {} } = this.props;
    const traced = tracing?.trace(job) ?? job;
    const exposed = this.metrics.reduce((each, metrics) => metrics.expose(each, proxyDefaults), traced);
    const defaults = graph.entryOf(this.clusterIn(graph), { kind: "proxy-defaults", name: "global" });
    return replaceWithStartOptions(exposed, (defaults as consul.ProxyConfigEntry | undefined)?.Config);
  }

  private get metrics(): readonly Metrics[] {
    return [this.props.metrics ?? []].flat();
  }

  private inThisMesh<Props extends object>(id: string, props: Props): Props & { readonly mesh: ServiceMesh } {
    is.refuseWrongArgument(this, `props of ${id}`, props, is.fields);
    return { mesh: this, ...props };
  }

  private findPrimary(name: string | undefined): Mesh | undefined {
    if (name === undefined) {
      return undefined;
    }
    const meshes = Graph.of(this).read((data) => [...data.meshes.values()]);
    const key = meshes.find(({ datacenter }) => datacenter === name)?.key;
    const found = key === undefined ? undefined : constructAt(this.node.root, key);
    return found instanceof Mesh ? found : undefined;
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
    return new DerivedConfigEntry<consul.ProxyConfigEntry>(this, "ProxyDefaults", {
      kind: "proxy-defaults",
      name: "global",
      entry: (graph) =>
        this.writes(graph, "proxyDefaults", "metrics", "accessLogs", "tracing", "envoyExtensions")
          ? renderProxyDefaults(
              { ...meshGatewayMode(this.clusterIn(graph)), ...own },
              { ...this.props, metrics: this.metrics },
            )
          : undefined,
    });
  }

  private addExportedServices(): void {
    const partition = partitionOf(this.tenancy ?? {});
    new DerivedConfigEntry<consul.ExportedServicesConfigEntry>(this, "ExportedServices", {
      kind: "exported-services",
      // Consul names it after the partition.
      name: partition,
      entry: (graph) => {
        const { partitionMates } = this.clusterIn(graph);
        // A partition has one such entry, even if several meshes contribute to it.
        return partitionMates[0]?.meshes[0]?.key === this.node.path
          ? renderExportedServices(
              partitionMates.flatMap(exportsOf),
              partitionMates.some(({ tenancy }) => namespaceOf(tenancy) !== DEFAULT_NAME),
            )
          : undefined;
      },
      // Once a tcp service is exported, Consul refuses every entry that would route its connections to another service.
      dependsOn: (graph) => [this.proxyDefaults, ...this.chainsOfOwnStack(graph)],
    });
  }

  private addMeshConfig(config: MeshConfig): ConsulConfigEntry<consul.MeshConfigEntry> {
    return new DerivedConfigEntry<consul.MeshConfigEntry>(this, "MeshConfig", {
      kind: "mesh",
      name: "mesh",
      entry: (graph) =>
        this.writes(graph, "meshConfig")
          ? renderMeshConfig(
              {
                ...config,
                peerThroughMeshGateways: config.peerThroughMeshGateways ?? peersThroughGateways(this.clusterIn(graph)),
              },
              graph.requestNormalizationOf(this.node.path),
            )
          : undefined,
      // Permissions depend on this entry. If both are removed, Terraform would otherwise delete it before the permissions.
      isRemovedLast: true,
    });
  }

  /**
   * Whether the mesh writes an entry that all namespaces of its partition share: the first namespace does, and any other one whose options
   * ask for it, which the check `config-entry-owners` then reports.
   */
  private writes(graph: Snapshot, ...options: readonly (keyof ServiceMeshProps)[]): boolean {
    const cluster = this.clusterIn(graph);
    return cluster.partitionMates[0] === cluster || options.some((option) => this.props[option] !== undefined);
  }

  private clusterIn(graph: Snapshot): Cluster {
    return graph.clusterOf(this.node.path);
  }

  /** All entries of this stack from which Consul compiles discovery chains. Other stacks are deployed after the stack of the mesh. */
  private chainsOfOwnStack(graph: Snapshot): readonly Need[] {
    const { stack } = originOf(this);
    const kinds = ["service-defaults", "service-resolver", "service-splitter", "service-router"] as const;
    return this.clusterIn(graph).partitionMates.flatMap(({ trafficOwners, tenancy }) =>
      trafficOwners
        .filter(({ origin }) => origin.stack === stack)
        .flatMap(({ name }) => kinds.map((kind) => ({ entry: { kind, name, tenancy } }))),
    );
  }
}

/** Everything that a source of a peer, or of another partition, can reach in a cluster. */
function exportsOf({ intentions, derivedIntentions, tenancy }: Cluster): readonly ForeignAccess[] {
  return [...intentions.filter(({ isGiven }) => isGiven !== true), ...derivedIntentions]
    .filter(({ isDenied }) => isDenied !== true)
    .flatMap(({ destination, source: { peer, tenancy: from = tenancy } }): ForeignAccess[] => {
      const { namespace } = tenancy;
      if (peer !== undefined) {
        return [{ destination, namespace, consumer: { Peer: peer } }];
      }
      const Partition = partitionOf(from);
      return Partition === partitionOf(tenancy) ? [] : [{ destination, namespace, consumer: { Partition } }];
    });
}

/**
 * Traffic to other datacenters and partitions goes through a mesh gateway of this partition, so that no other node needs a connection
 * there. Without one, traffic to other partitions is direct.
 */
function meshGatewayMode(cluster: Cluster): Pick<consul.ProxyConfigEntry, "MeshGateway"> {
  const isReached = hasPeers(cluster) || cluster.partitionMates.some(({ otherPartitions }) => otherPartitions.size > 0);
  const isConnected = isReached ? meshGatewaysOf(cluster).length > 0 : cluster.federated.length > 0;
  return isConnected ? { MeshGateway: { Mode: "local" } } : {};
}

function peersThroughGateways(cluster: Cluster): boolean {
  const gateways = meshGatewaysOf(cluster);
  const said = gateways.map(({ peerThroughMeshGateways }) => peerThroughMeshGateways).find((it) => it !== undefined);
  return said ?? (gateways.length > 0 && hasPeers(cluster));
}

function hasPeers({ partitionMates }: Cluster): boolean {
  return partitionMates.some(({ peers, foreignPeers }) => peers.size + foreignPeers.size > 0);
}

function meshGatewaysOf({ partitionMates }: Cluster): readonly GatewayRecord[] {
  return partitionMates.flatMap(({ gateways }) => gateways).filter(({ gatewayKind }) => gatewayKind === "mesh gateway");
}
