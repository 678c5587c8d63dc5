import { Construct } from "constructs";
import { attachChecks } from "../checks/attach";
import { registerMesh } from "../checks/run";
import { ConsulConfigEntry } from "../consul/consul-config-entry";
import { renderExportedServices } from "../consul/exported-services";
import type { GatewayAccess } from "../consul/gateway-access";
import type * as consul from "../consul/generated/config-entries";
import { normalizationOf, renderMeshConfig, type MeshConfig, type RequestNormalization } from "../consul/mesh-config";
import type { Needs } from "../dependencies";
import { MeshError } from "../core/errors";
import type * as nomad from "../nomad/generated/job";
import type { JobPlacement } from "../nomad/job";
import type { Sidecar } from "../nomad/sidecar";
import { ApiGateway, type ApiGatewayBaseProps } from "./gateways/api-gateway";
import { ExternalService, type ExternalServiceBaseProps } from "./gateways/external-service";
import type { Gateway } from "./gateways/gateway";
import { IngressGateway, type IngressGatewayBaseProps } from "./gateways/ingress-gateway";
import { MeshGateway, type MeshGatewayBaseProps } from "./gateways/mesh-gateway";
import { TerminatingGateway, type TerminatingGatewayBaseProps } from "./gateways/terminating-gateway";
import type { Intention } from "./intention";
import { peerOf, type IMeshMember } from "./mesh-member";
import { MeshService, type MeshServiceBaseProps } from "./mesh-service";
import type { AccessLogs } from "./observability/access-logs";
import type { Metrics } from "./observability/metrics";
import { Prometheus, type PrometheusBaseProps } from "./observability/prometheus";
import { renderProxyDefaults } from "./observability/proxy-defaults";
import type { Tracing } from "./observability/tracing";
import type { ServiceJob } from "./service-job";
import { destinationsOf } from "./traffic/chain";
import { isTrafficOwner, type TrafficOwner } from "./traffic/service-traffic";
import { VirtualService, type VirtualServiceBaseProps } from "./traffic/virtual-service";

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
   * @default nowhere: there is no access control, or each gateway has its `allowIn`
   */
  readonly gatewayAccess?: GatewayAccess;
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
export class ServiceMesh extends Construct {
  /** @internal */
  readonly props: ServiceMeshProps;
  /** What holds for every Envoy of the mesh; `undefined` where another stack or team owns it. */
  readonly proxyDefaults: ConsulConfigEntry<consul.ProxyConfigEntry> | undefined;
  /** The config entry `mesh`; `undefined` where another stack or team owns it. */
  readonly meshConfig: ConsulConfigEntry<consul.MeshConfigEntry> | undefined;
  /** @internal Counts the changes of the graph: what was computed from it holds until the next one. */
  revision = 0;

  private readonly byName = new Map<string, IMeshMember>();
  private readonly ownServices: MeshService[] = [];
  private readonly ownExternalServices: ExternalService[] = [];
  private readonly ownVirtualServices: VirtualService[] = [];
  private readonly ownJobs: ServiceJob[] = [];
  private readonly ownGateways: Gateway[] = [];
  private readonly intentionsByDestination = new Map<string, Intention[]>();
  private readonly others = new Set<ServiceMesh>();
  private followed: { readonly revision: number; readonly byDestination: ReadonlyMap<string, Intention[]> } | undefined;
  private permitted: { readonly followed: ReadonlyMap<string, unknown>; readonly isTrue: boolean } | undefined;

  constructor(scope: Construct, id: string, props: ServiceMeshProps = {}) {
    super(scope, id);
    this.props = props;
    registerMesh(this);
    attachChecks(this);
    const { proxyDefaults = {} } = props;
    if (proxyDefaults !== false) {
      this.proxyDefaults = new ConsulConfigEntry<consul.ProxyConfigEntry>(this, "ProxyDefaults", {
        kind: "proxy-defaults",
        name: "global",
        entry: () => renderProxyDefaults({ ...this.meshGatewayMode, ...proxyDefaults }, props),
      });
    } else if (props.accessLogs !== undefined || props.tracing !== undefined) {
      throw new MeshError(
        this,
        `${props.accessLogs === undefined ? "Tracing stands" : "Access logs stand"} in proxy-defaults, which another stack or team owns here.`,
        "Say it where that entry is, or leave proxyDefaults: false away.",
      );
    }
    new ConsulConfigEntry<consul.ExportedServicesConfigEntry>(this, "ExportedServices", {
      kind: "exported-services",
      name: "default",
      entry: () => renderExportedServices([...this.intentions, ...[...this.followedIntentions.values()].flat()]),
      // Once a tcp service is exported, Consul refuses every entry that would lead its connections to a further service.
      dependsOn: () => [this.proxyDefaults, ...this.trafficOwners.flatMap(entriesOf)],
    });
    const { meshConfig = {} } = props;
    if (meshConfig !== false) {
      this.meshConfig = new ConsulConfigEntry<consul.MeshConfigEntry>(this, "MeshConfig", {
        kind: "mesh",
        name: "mesh",
        entry: () =>
          renderMeshConfig(
            { ...meshConfig, peerThroughMeshGateways: meshConfig.peerThroughMeshGateways ?? this.peersThroughGateways },
            this.requestNormalization,
          ),
      });
      // Permissions wait for it. When both go, Terraform would else take it away while the permissions are still there.
      this.meshConfig.resource.lifecycle = { createBeforeDestroy: true };
    }
  }

  /** Adds a service to the mesh, in the mesh's own stack. For another stack: `new MeshService(stack, id, { mesh, … })`. */
  addService(id: string, props: MeshServiceBaseProps): MeshService {
    return new MeshService(this, id, { mesh: this, ...props });
  }

  /** Adds a gateway for those outside the mesh: by host, path or header of a request, or by port. */
  addApiGateway(id: string, props: ApiGatewayBaseProps): ApiGateway {
    return new ApiGateway(this, id, { mesh: this, ...props });
  }

  /** Adds a gateway for those outside the mesh, by host or port. Consul has deprecated this kind: see {@link addApiGateway}. */
  addIngressGateway(id: string, props: IngressGatewayBaseProps): IngressGateway {
    return new IngressGateway(this, id, { mesh: this, ...props });
  }

  /** Adds a service outside the mesh, which a terminating gateway leads to. */
  addExternalService(id: string, props: ExternalServiceBaseProps): ExternalService {
    return new ExternalService(this, id, { mesh: this, ...props });
  }

  /** Adds a gateway to services outside the mesh. */
  addTerminatingGateway(id: string, props: TerminatingGatewayBaseProps = {}): TerminatingGateway {
    return new TerminatingGateway(this, id, { mesh: this, ...props });
  }

  /** Adds a name that leads to other services. For another stack: `new VirtualService(stack, id, { mesh, … })`. */
  addVirtualService(id: string, props: VirtualServiceBaseProps): VirtualService {
    return new VirtualService(this, id, { mesh: this, ...props });
  }

  /** Adds a gateway to other datacenters and peered clusters. */
  addMeshGateway(id: string, props: MeshGatewayBaseProps = {}): MeshGateway {
    return new MeshGateway(this, id, { mesh: this, ...props });
  }

  /** Adds a Prometheus that watches the mesh, with its rules, in the mesh's own stack. */
  addPrometheus(id: string, props: PrometheusBaseProps = {}): Prometheus {
    return new Prometheus(this, id, { mesh: this, ...props });
  }

  /** The services of the mesh, in whatever stack, in the order they were added. */
  get services(): readonly MeshService[] {
    return this.ownServices;
  }

  /** The services outside the mesh that it knows, in the order they were added. */
  get externalServices(): readonly ExternalService[] {
    return this.ownExternalServices;
  }

  /** The names of the mesh that lead to other services, in the order they were added. */
  get virtualServices(): readonly VirtualService[] {
    return this.ownVirtualServices;
  }

  /** The jobs of its services: one for each, and one for each further version. */
  get serviceJobs(): readonly ServiceJob[] {
    return this.ownJobs;
  }

  /** The gateways of the mesh, of whatever kind, in the order they were added. */
  get gateways(): readonly Gateway[] {
    return this.ownGateways;
  }

  /** The meshes of other datacenters that traffic goes to, or comes from, in the order in which they were named. */
  get peers(): readonly ServiceMesh[] {
    return [...this.others];
  }

  /** @internal Its ways to other datacenters. */
  get meshGateways(): readonly MeshGateway[] {
    return this.ownGateways.filter((gateway) => gateway instanceof MeshGateway);
  }

  /** Whoever has a name in the mesh: its services, virtual ones and those outside that it knows, and its gateways. */
  get members(): readonly IMeshMember[] {
    return [...this.ownServices, ...this.ownVirtualServices, ...this.ownExternalServices, ...this.ownGateways];
  }

  /** Who may reach whom, as connections say it. */
  get intentions(): readonly Intention[] {
    return [...this.intentionsByDestination.values()].flat();
  }

  /** Whoever has this name in Consul. */
  find(serviceName: string): IMeshMember | undefined {
    return this.byName.get(serviceName);
  }

  /** The service of this name in Consul, be it virtual or outside the mesh. */
  findService(serviceName: string): MeshService | VirtualService | ExternalService | undefined {
    const member = this.find(serviceName);
    return member instanceof MeshService || member instanceof VirtualService || member instanceof ExternalService
      ? member
      : undefined;
  }

  /**
   * Who may reach the service of this name: those whom a connection lets in, and those who may reach a service whose traffic
   * rules lead here.
   */
  intentionsFor(serviceName: string): readonly Intention[] {
    return [
      ...(this.intentionsByDestination.get(serviceName) ?? []),
      ...(this.followedIntentions.get(serviceName) ?? []),
    ];
  }

  /** @internal The members that have traffic rules, or could. */
  get trafficOwners(): readonly TrafficOwner[] {
    return this.members.filter(isTrafficOwner);
  }

  /** @internal Intentions that follow from the traffic rules, its own and those of its peers, by destination. */
  get followedIntentions(): ReadonlyMap<string, readonly Intention[]> {
    const revision = this.peers.reduce((sum, peer) => sum + peer.revision, this.revision);
    if (this.followed?.revision !== revision) {
      this.followed = { revision, byDestination: this.followRules() };
    }
    return this.followed.byDestination;
  }

  /** @internal Whether something, here or in another datacenter, may make only some requests of a service of this mesh. */
  get hasPermissions(): boolean {
    const followed = this.followedIntentions;
    if (this.permitted?.followed !== followed) {
      const all = [...this.intentions, ...[...followed.values()].flat()];
      this.permitted = { followed, isTrue: all.some(({ options }) => options.permissions !== undefined) };
    }
    return this.permitted.isTrue;
  }

  /**
   * @internal How its Envoys bring requests into their usual form; `undefined` where they do only what Consul does by itself, or where
   * another stack or team decides.
   */
  get requestNormalization(): Required<RequestNormalization> | undefined {
    const { meshConfig = {} } = this.props;
    return meshConfig === false ? undefined : normalizationOf(meshConfig, this.hasPermissions);
  }

  /** @internal Records that traffic goes between the two, if they are of different datacenters. */
  join(other: ServiceMesh): void {
    if (peerOf(other, this) !== undefined && !this.others.has(other)) {
      this.others.add(other);
      other.others.add(this);
      this.revision++;
    }
  }

  /** @internal */
  get jobDefaults(): JobPlacement & { readonly sidecar?: Sidecar } {
    const { nomadDatacenters, region, namespace, nodePool, priority, sidecar } = this.props;
    return { nomadDatacenters, region, namespace, nodePool, priority, sidecar };
  }

  /** @internal Adds to a finished job what the mesh's metrics and tracing need of its Envoys. */
  observe(job: nomad.Job): nomad.Job {
    const { metrics, tracing, proxyDefaults = {} } = this.props;
    const traced = tracing?.trace(job) ?? job;
    return metrics?.expose(traced, proxyDefaults) ?? traced;
  }

  /** @internal */
  registerService(service: MeshService): void {
    this.ownServices.push(service);
    this.register(service);
    this.registerJob(service);
  }

  /** @internal */
  registerJob(job: ServiceJob): void {
    attachChecks(job);
    this.ownJobs.push(job);
    this.revision++;
  }

  /** @internal */
  registerVirtualService(service: VirtualService): void {
    this.ownVirtualServices.push(service);
    this.register(service);
  }

  /** @internal */
  registerExternalService(service: ExternalService): void {
    this.ownExternalServices.push(service);
    this.register(service);
  }

  /** @internal */
  registerGateway(gateway: Gateway): void {
    this.ownGateways.push(gateway);
    this.register(gateway);
  }

  /** @internal */
  addIntention(intention: Intention): Intention {
    const { source, options } = intention;
    const origin = typeof source === "string" ? undefined : source.mesh;
    if (origin !== undefined) {
      this.join(origin);
    }
    const added = intention.from(options.peer ?? peerOf(origin, this));
    append(this.intentionsByDestination, added.destinationName, added);
    this.revision++;
    return added;
  }

  private register(member: IMeshMember): void {
    attachChecks(member);
    if (!this.byName.has(member.serviceName)) {
      this.byName.set(member.serviceName, member);
    }
    this.revision++;
  }

  /** Traffic for other datacenters leaves by the mesh's own gateway: no other node needs a way there. */
  private get meshGatewayMode(): Pick<consul.ProxyConfigEntry, "MeshGateway"> {
    return this.others.size > 0 && this.meshGateways.length > 0 ? { MeshGateway: { Mode: "local" } } : {};
  }

  private get peersThroughGateways(): boolean {
    const said = this.meshGateways.map(({ props }) => props.peerThroughMeshGateways).find((it) => it !== undefined);
    return said ?? (this.meshGateways.length > 0 && this.others.size > 0);
  }

  /** Consul asks the intentions of the service at which a request ends, whatever name its source has called. */
  private followRules(): ReadonlyMap<string, Intention[]> {
    const followed = new Map<string, Intention[]>();
    for (const mesh of [this, ...this.others]) {
      for (const via of mesh.trafficOwners) {
        const intentions = mesh.intentionsByDestination.get(via.serviceName) ?? [];
        for (const { mesh: end, service, isRewritten } of intentions.length === 0 ? [] : destinationsOf(via)) {
          if (end !== this || (mesh === this && service === via.serviceName)) {
            continue;
          }
          // Permissions are about the path that was asked for, not about another one.
          for (const intention of intentions.filter(
            ({ options }) => !isRewritten || options.permissions === undefined,
          )) {
            append(followed, service, this.asSeenHere(intention.towards(via, service), mesh));
          }
        }
      }
    }
    return followed;
  }

  /** @internal An intention of another mesh, with what this one calls the cluster of the source. */
  asSeenHere(intention: Intention, mesh: ServiceMesh): Intention {
    const { peer } = intention.options;
    if (mesh === this) {
      return intention;
    }
    return intention.from(peer === peerOf(this, mesh) ? undefined : (peer ?? peerOf(mesh, this)));
  }
}

/** All that Consul compiles the discovery chain of a name from. */
function entriesOf({ defaults, traffic: { resolver, splitter, router } }: TrafficOwner): Needs {
  return [defaults, resolver, splitter, router];
}

function append<V>(lists: Map<string, V[]>, key: string, value: V): void {
  const list = lists.get(key);
  if (list === undefined) {
    lists.set(key, [value]);
  } else {
    list.push(value);
  }
}
