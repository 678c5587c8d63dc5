import type { HttpPermission } from "../consul/http-permission";
import type * as consul from "../consul/generated/config-entries";
import type { RequestNormalization } from "../consul/mesh-config";
import type { Protocol } from "../consul/protocol";
import type { Override } from "../core/override";
import type { UpstreamOptions } from "./upstream-options";

// The graph of an app as plain data. Records refer to each other by key and never contain each other. The key of a record is the
// path of its construct.

/** The construct that has written a record, for messages and for the order of stacks. */
export interface Origin {
  /** Path of the construct. */
  readonly path: string;
  /** Path of its stack. */
  readonly stack: string;
}

/** A `ServiceMesh`. Several can belong to one cluster. */
export interface MeshRecord {
  readonly key: string;
  readonly origin: Origin;
  /** @default the provider's */
  readonly datacenter?: string;
  /** Nomad region of its jobs. @default the provider's */
  readonly region?: string;
  /** Datacenters with a mesh gateway outside of this app. */
  readonly gatewayDatacenters: readonly string[];
  /** Whether it creates the config entry `mesh`. */
  readonly ownsMeshConfig: boolean;
  /** How Envoys normalize requests. @default only if a source may send only some requests */
  readonly requestNormalization?: RequestNormalization | false;
}

interface NamedRecord {
  readonly key: string;
  readonly origin: Origin;
  /** Name in Consul. */
  readonly name: string;
  /** Key of the mesh. */
  readonly mesh: string;
}

/** A service of the mesh, independent of its instances. */
export interface ServiceRecord extends NamedRecord {
  readonly kind: "service";
  readonly protocol: Protocol;
  /** The upstream configuration in its defaults, in addition to that of connections. */
  readonly upstreamConfig?: consul.UpstreamConfiguration;
}

/** A service without instances, which leads to other services. */
export interface VirtualServiceRecord extends NamedRecord {
  readonly kind: "virtual service";
  readonly protocol: Protocol;
}

/** A service outside the mesh, which can be reached through a terminating gateway. */
export interface ExternalServiceRecord extends NamedRecord {
  readonly kind: "external service";
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  /** The node in Consul's catalog that represents its machine. */
  readonly nodeName: string;
  readonly tls?: ExternalTlsRecord;
  /** Why plaintext is acceptable. */
  readonly plaintext?: string;
}

export interface ExternalTlsRecord {
  readonly caFile: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The name that must be in its certificate. @default no name is compared */
  readonly sni?: string;
}

/** The kinds of gateways, as Consul names them. */
export type GatewayKind = "API gateway" | "ingress gateway" | "terminating gateway" | "mesh gateway";

/** A gateway of the mesh. */
export interface GatewayRecord extends NamedRecord {
  readonly kind: "gateway";
  readonly gatewayKind: GatewayKind;
  /** The listeners for connections from outside the mesh. */
  readonly listeners: readonly ListenerRecord[];
  /** Ports of the node that it uses. */
  readonly hostPorts: readonly number[];
  /** The files that its Envoy reads, except for those of services outside the mesh. */
  readonly files: readonly string[];
  /** The files that its templates create. */
  readonly renderedFiles: readonly string[];
  /** Whether Consul servers of peered clusters reach each other through it. @default whether the cluster has peers in the app */
  readonly peerThroughMeshGateways?: boolean;
}

export interface ListenerRecord {
  readonly port: number;
  readonly hostPort: number;
  readonly protocol: Protocol;
  /** The host whose requests it accepts. @default any */
  readonly hostname?: string;
  /** @default plaintext */
  readonly tls?: {
    /** Whether the private key of its certificate passes through Terraform. */
    readonly hasInlineKey: boolean;
  };
}

/** A service of another team. Only its name is known, and it is in no mesh of the app. */
export interface ImportedServiceRecord {
  readonly kind: "imported service";
  readonly key: string;
  readonly origin: Origin;
  readonly name: string;
  readonly protocol: Protocol;
  readonly mesh: undefined;
}

/** A service or a gateway. */
export type MemberRecord =
  ServiceRecord | VirtualServiceRecord | ExternalServiceRecord | GatewayRecord | ImportedServiceRecord;

/** A service that can have traffic rules. */
export type TrafficOwnerRecord = ServiceRecord | VirtualServiceRecord;

/** A job of Nomad. */
export interface JobRecord {
  readonly key: string;
  readonly origin: Origin;
  readonly mesh: string;
  /** Its id in Nomad. */
  readonly id: string;
  readonly namespace?: string;
  readonly region?: string;
  /** Key of the gateway, or of the only service of the job. @default the job can have any services */
  readonly owner?: string;
  /** Version of the service, if it is the job of a version. */
  readonly version?: string;
}

/** The instances of a service in one group of one job, with their Envoys. */
export interface InstancesRecord {
  readonly key: string;
  readonly origin: Origin;
  /** Key of the service. */
  readonly service: string;
  /** Key of the job. */
  readonly job: string;
  /** Name of the group. */
  readonly group: string;
  /** Port inside the allocation, or label of a port of the group. @default none: it is only a client of others */
  readonly port?: number | string;
  /** Port of the node. */
  readonly publish?: number;
  /** How it uses mutual TLS. */
  readonly proxy: "sidecar" | "native";
  /** Whether it uses transparent proxy, so that traffic goes through its Envoy without upstreams. */
  readonly isTransparent: boolean;
  readonly tags: readonly string[];
  /** Name of the task that provides the service. @default all tasks of the group */
  readonly task?: string;
  /** Names of the tasks that get the addresses of their upstreams. */
  readonly tasks: readonly string[];
  /** Metadata `version` of the instances. */
  readonly version?: string;
  /** Key of other instances whose upstreams these inherit. */
  readonly inherits?: string;
}

/** A service of a job that is in Consul's catalog but outside the mesh. */
export interface CatalogServiceRecord {
  readonly origin: Origin;
  /** Name in Consul. */
  readonly name: string;
  readonly mesh: string;
}

/** A reference to a service in a rule or a connection. */
export interface Reference {
  readonly service: string;
  /** Key of the member, if it was given as a construct and not only by name. */
  readonly member?: string;
  readonly subset?: string;
  readonly datacenter?: string;
  readonly peer?: string;
}

/** An upstream of instances. It only configures discovery, and grants no permissions. */
export interface UpstreamRecord {
  readonly destination: Reference;
  /** Port on the loopback interface; `undefined` if no port is needed (transparent proxy, Connect native). */
  readonly localBindPort?: number;
  readonly options: UpstreamOptions;
}

/** An intention: a source that can reach a service. */
export interface IntentionRecord {
  readonly origin: Origin;
  /** Key of the mesh in whose cluster the intention is. */
  readonly mesh: string;
  /** The source. If it is in another cluster, `peer` is the name of that cluster in this one. */
  readonly source: Reference;
  /** Consul name of the destination. */
  readonly destination: string;
  /** The requests that are allowed or denied. @default all connections and requests */
  readonly permissions?: readonly HttpPermission[];
  readonly description?: string;
  /** Whether it was derived from traffic rules that lead to this destination, instead of being stated for it. */
  readonly follows: boolean;
}

/** The traffic rules of one name. They grow as they are stated. */
export interface TrafficRecord {
  /** By name. */
  readonly subsets: Map<string, SubsetRecord>;
  /** Names of the subsets whose instances are not part of the stable ones: those of versions and canaries. */
  readonly outsideStable: Set<string>;
  resolve: ResolveRecord;
  splits?: readonly SplitRecord[];
  readonly routes: RouteRecord[];
  /** Requests that go to one subset instead of the destination that the splits select. */
  testers?: { readonly header: consul.ServiceRouteHTTPMatchHeader; readonly to: Reference };
}

export interface SubsetRecord {
  /** `undefined` for the stable instances, which are in no subset of `outsideStable`. */
  readonly filter?: string;
  /** The filter that selects Nomad's canaries among the service's own instances. Canaries are not stable instances. */
  readonly canaryFilter?: string;
  readonly onlyPassing?: boolean;
  /** Whether its instances have a separate job. */
  readonly isVersion: boolean;
}

export interface ResolveRecord {
  /** @default all instances, or the stable ones once there is a version */
  readonly defaultSubset?: string;
  readonly redirect?: Reference;
  /** By subset; `*` for all other subsets. */
  readonly failover?: Readonly<Record<string, readonly Reference[]>>;
  /** Names of the options that were set, for messages. */
  readonly given: readonly string[];
  /** The settings of connections and load balancing, in Consul's format. */
  readonly fields: Pick<consul.ServiceResolverConfigEntry, "ConnectTimeout" | "RequestTimeout" | "LoadBalancer">;
  readonly override?: Override<Omit<consul.ServiceResolverConfigEntry, "Kind" | "Name">>;
}

export interface SplitRecord {
  readonly to: Reference;
  readonly weight: number;
  readonly fields: Omit<consul.ServiceSplit, "Weight" | "Service" | "ServiceSubset">;
}

export interface RouteRecord {
  /** The destination. @default the service itself, according to its splits */
  readonly to?: Reference;
  readonly match?: consul.ServiceRouteHTTPMatch;
  readonly fields: Omit<consul.ServiceRouteDestination, "Service" | "ServiceSubset">;
}

/** A route from a listener of a gateway to services. */
export interface GatewayRouteRecord {
  /** Port of the listener. */
  readonly listener: number;
  readonly targets: readonly Reference[];
  /**
   * Whether it leads to all services with an Envoy that use the listener's protocol. `allowed` contains the permissions of the
   * gateway for these services.
   *
   * @default only the targets
   */
  readonly anyService?: { readonly allowed?: Pick<IntentionRecord, "permissions" | "description"> };
  /** Host names of requests; if empty, any host. */
  readonly hosts: readonly string[];
  /** What no other route of the listener may also match, in words. */
  readonly claims: readonly string[];
  /** The service in the entry of an ingress gateway. */
  readonly ingress?: consul.IngressService;
}

/** The records of an app, by their keys. */
export interface GraphData {
  readonly meshes: Map<string, MeshRecord>;
  readonly members: Map<string, MemberRecord>;
  readonly jobs: Map<string, JobRecord>;
  readonly instances: Map<string, InstancesRecord>;
  /** By key of the instances, then by id. */
  readonly upstreams: Map<string, Map<string, UpstreamRecord>>;
  readonly intentions: IntentionRecord[];
  /** By key of the service. */
  readonly traffic: Map<string, TrafficRecord>;
  /** By key of the gateway. */
  readonly routes: Map<string, GatewayRouteRecord[]>;
  /** Keys of the external services to which terminating gateways lead, by key of the gateway. */
  readonly outside: Map<string, Set<string>>;
  /** Services in Consul's catalog that are outside the mesh. */
  readonly catalogServices: CatalogServiceRecord[];
  /** Keys of the gateways that are allowed to log in to Consul. */
  readonly allowed: Set<string>;
}

/** A stack that must be applied after another one, by paths. */
export interface StackEdge {
  readonly from: string;
  readonly to: string;
  /** Which resource needs which, for messages. */
  readonly because: string;
}
