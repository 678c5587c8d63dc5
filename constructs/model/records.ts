import type { HttpPermission } from "../consul/http-permission";
import type * as consul from "../consul/generated/config-entries";
import type { RequestNormalization } from "../consul/mesh-config";
import type { Protocol } from "../consul/protocol";
import type { Override } from "../core/override";
import type { UpstreamOptions } from "./upstream-options";

// The graph of an app as plain data. Records name each other by key and never hold each other: the key of what a construct stands
// for is the construct's path.

/** Where something was stated: for messages, and for the order of stacks. */
export interface Origin {
  /** Path of the construct. */
  readonly path: string;
  /** Path of its stack. */
  readonly stack: string;
}

/** One `ServiceMesh`: several may be of one cluster. */
export interface MeshRecord {
  readonly key: string;
  readonly origin: Origin;
  /** @default the provider's */
  readonly datacenter?: string;
  /** Nomad region of its jobs. @default the provider's */
  readonly region?: string;
  /** Datacenters that have a mesh gateway which is not of this app. */
  readonly gatewayDatacenters: readonly string[];
  /** Whether the config entry `mesh` is its own. */
  readonly ownsMeshConfig: boolean;
  /** How Envoys bring requests into their usual form. @default only where something may make only some requests */
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

/** A service of the mesh: a name, whatever instances it has. */
export interface ServiceRecord extends NamedRecord {
  readonly kind: "service";
  readonly protocol: Protocol;
  /** What its defaults state about upstreams, beside what connections state. */
  readonly upstreamConfig?: consul.UpstreamConfiguration;
}

/** A name without instances, which leads to other services. */
export interface VirtualServiceRecord extends NamedRecord {
  readonly kind: "virtual service";
  readonly protocol: Protocol;
}

/** A service outside the mesh, which a terminating gateway reaches. */
export interface ExternalServiceRecord extends NamedRecord {
  readonly kind: "external service";
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  /** Node of Consul's catalog that stands for its machine. */
  readonly nodeName: string;
  readonly tls?: ExternalTlsRecord;
  /** Why plaintext is right. */
  readonly plaintext?: string;
}

export interface ExternalTlsRecord {
  readonly caFile: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** @default no name is compared */
  readonly sni?: string;
}

/** What Consul calls the kinds of gateways. */
export type GatewayKind = "API gateway" | "ingress gateway" | "terminating gateway" | "mesh gateway";

/** A gateway of the mesh. */
export interface GatewayRecord extends NamedRecord {
  readonly kind: "gateway";
  readonly gatewayKind: GatewayKind;
  /** Where it takes connections from outside the mesh. */
  readonly listeners: readonly ListenerRecord[];
  /** Ports of the node that it takes. */
  readonly hostPorts: readonly number[];
  /** The files that its Envoy is told to read, but those for services outside. */
  readonly files: readonly string[];
  /** The files that its templates bring. */
  readonly renderedFiles: readonly string[];
  /** Whether Consul's servers of peered clusters reach each other through it. @default whether the cluster has peers in the app */
  readonly peerThroughMeshGateways?: boolean;
}

export interface ListenerRecord {
  readonly port: number;
  readonly hostPort: number;
  readonly protocol: Protocol;
  /** The host whose requests it takes. @default any */
  readonly hostname?: string;
  /** @default plaintext */
  readonly tls?: {
    /** Whether the key of its certificate passes through Terraform. */
    readonly hasInlineKey: boolean;
  };
}

/** A service that another team owns: known by its name alone, in no mesh of the app. */
export interface ImportedServiceRecord {
  readonly kind: "imported service";
  readonly key: string;
  readonly origin: Origin;
  readonly name: string;
  readonly protocol: Protocol;
  readonly mesh: undefined;
}

/** What has a name that can be let in somewhere: a service or a gateway. */
export type MemberRecord =
  ServiceRecord | VirtualServiceRecord | ExternalServiceRecord | GatewayRecord | ImportedServiceRecord;

/** What can have traffic rules. */
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
  /** Key of the gateway, or of the service that has the job to itself. @default it has services of its own choice */
  readonly owner?: string;
  /** Of the service, where it is the job of a version. */
  readonly version?: string;
}

/** The instances of a service that are in one group of one job, with their Envoys. */
export interface InstancesRecord {
  readonly key: string;
  readonly origin: Origin;
  /** Key of the service. */
  readonly service: string;
  /** Key of the job. */
  readonly job: string;
  /** Name of the group. */
  readonly group: string;
  /** Port inside the allocation, or label of a port of the group. @default none: it only reaches others */
  readonly port?: number | string;
  /** Port of the node. */
  readonly publish?: number;
  /** How it speaks mutual TLS. */
  readonly proxy: "sidecar" | "native";
  /** Whether traffic goes through its Envoy without upstreams. */
  readonly isTransparent: boolean;
  readonly tags: readonly string[];
  /** Name of the task that they are. @default all of the group */
  readonly task?: string;
  /** Names of the tasks that are told where to find their upstreams. */
  readonly tasks: readonly string[];
  /** Metadata `version` of the instances. */
  readonly version?: string;
  /** Key of other instances whose upstreams these have too. */
  readonly inherits?: string;
}

/** A service of a job in Consul's catalog that is outside the mesh. */
export interface CatalogServiceRecord {
  readonly origin: Origin;
  /** Name in Consul. */
  readonly name: string;
  readonly mesh: string;
}

/** A service that a rule or a connection names. */
export interface Reference {
  readonly service: string;
  /** Key of the member, where it was given and not only named. */
  readonly member?: string;
  readonly subset?: string;
  readonly datacenter?: string;
  readonly peer?: string;
}

/** A way of instances to a service: discovery, without any authority. */
export interface UpstreamRecord {
  readonly destination: Reference;
  /** Port on the instances' loopback; `undefined` where traffic needs none (transparent proxy, Connect native). */
  readonly localBindPort?: number;
  readonly options: UpstreamOptions;
}

/** Who may reach a service. */
export interface IntentionRecord {
  readonly origin: Origin;
  /** Key of the mesh in whose cluster it holds. */
  readonly mesh: string;
  /** Who may reach; in another cluster by what this one calls that cluster (`peer`). */
  readonly source: Reference;
  /** Consul name of what may be reached. */
  readonly destination: string;
  /** @default every connection and request */
  readonly permissions?: readonly HttpPermission[];
  readonly description?: string;
  /** Whether it was not stated for this destination, but follows from traffic rules that lead there. */
  readonly follows: boolean;
}

/** The traffic rules of one name, which grow as they are stated. */
export interface TrafficRecord {
  /** By name. */
  readonly subsets: Map<string, SubsetRecord>;
  /** Names of the subsets whose instances are not among the stable ones: those of versions and canaries. */
  readonly outsideStable: Set<string>;
  resolve: ResolveRecord;
  splits?: readonly SplitRecord[];
  readonly routes: RouteRecord[];
  /** Requests that go to one subset wherever others would have gone by the splits. */
  testers?: { readonly header: consul.ServiceRouteHTTPMatchHeader; readonly to: Reference };
}

export interface SubsetRecord {
  /** `undefined` for the stable instances: all that are in no subset which is kept apart from them. */
  readonly filter?: string;
  /** What picks Nomad's canaries among the service's own instances, which are not stable either. */
  readonly canaryFilter?: string;
  readonly onlyPassing?: boolean;
  /** Whether its instances have a job of their own. */
  readonly isVersion: boolean;
}

export interface ResolveRecord {
  /** @default all instances, or the stable ones once there is a version */
  readonly defaultSubset?: string;
  readonly redirect?: Reference;
  /** By subset, `*` for all others. */
  readonly failover?: Readonly<Record<string, readonly Reference[]>>;
  /** Names of the options that were given, for messages. */
  readonly given: readonly string[];
  /** What it says of connections and load balancing, as Consul takes it. */
  readonly fields: Pick<consul.ServiceResolverConfigEntry, "ConnectTimeout" | "RequestTimeout" | "LoadBalancer">;
  readonly override?: Override<Omit<consul.ServiceResolverConfigEntry, "Kind" | "Name">>;
}

export interface SplitRecord {
  readonly to: Reference;
  readonly weight: number;
  readonly fields: Omit<consul.ServiceSplit, "Weight" | "Service" | "ServiceSubset">;
}

export interface RouteRecord {
  /** @default the service itself, by its splits */
  readonly to?: Reference;
  readonly match?: consul.ServiceRouteHTTPMatch;
  readonly fields: Omit<consul.ServiceRouteDestination, "Service" | "ServiceSubset">;
}

/** How a gateway leads from a listener to services. */
export interface GatewayRouteRecord {
  /** Port of the listener. */
  readonly listener: number;
  readonly targets: readonly Reference[];
  /**
   * Whether it leads to every service with an Envoy that speaks the listener's protocol, `allowed` being what the gateway may do there.
   *
   * @default just the targets
   */
  readonly anyService?: { readonly allowed?: Pick<IntentionRecord, "permissions" | "description"> };
  /** Names that a request must be for; empty where any will do. */
  readonly hosts: readonly string[];
  /** What no other route of the listener may lead elsewhere, in words. */
  readonly claims: readonly string[];
  /** What an ingress gateway's entry says of it. */
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
  /** Keys of the services outside to which terminating gateways lead, by key of the gateway. */
  readonly outside: Map<string, Set<string>>;
  /** Services in Consul's catalog that are outside the mesh. */
  readonly catalogServices: CatalogServiceRecord[];
  /** Keys of the gateways that may log in to Consul. */
  readonly allowed: Set<string>;
}

/** A stack that must be applied after another one, by paths. */
export interface StackEdge {
  readonly from: string;
  readonly to: string;
  /** What needs what, for messages. */
  readonly because: string;
}
