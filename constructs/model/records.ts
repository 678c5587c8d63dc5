import type { HttpPermission } from "../consul/http-permission";
import type * as consul from "../consul/generated/config-entries";
import type { RequestNormalization } from "../consul/mesh-config";
import type { NamedQuery } from "../consul/prepared-query";
import type { Protocol } from "../consul/protocol";
import type { Tenancy } from "../consul/tenancy";
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
  /** Path of the construct. */
  readonly key: string;
  /** The construct that declares it. */
  readonly origin: Origin;
  /** @default the provider's */
  readonly datacenter?: string;
  /** Nomad region of its jobs. @default the provider's */
  readonly region?: string;
  /** Primary datacenter of the WAN federation of its datacenter. @default none */
  readonly primaryDatacenter?: string;
  /** Partition and namespace of Consul Enterprise. @default the default ones */
  readonly tenancy?: Tenancy;
  /** Datacenters with a mesh gateway outside of this app. */
  readonly gatewayDatacenters: readonly string[];
  /** Whether it creates the config entry `mesh`. */
  readonly ownsMeshConfig: boolean;
  /** How Envoys normalize requests. @default only if a source may send only some requests */
  readonly requestNormalization?: RequestNormalization | false;
}

/** What has a name in Consul. */
export interface NamedRecord {
  /** Path of the construct. */
  readonly key: string;
  /** The construct that declares it. */
  readonly origin: Origin;
  /** Name in Consul. */
  readonly name: string;
  /** Key of the mesh. */
  readonly mesh: string;
}

/** A service of the mesh, independent of its instances. */
export interface ServiceRecord extends NamedRecord {
  /** Tells the kinds of members apart. */
  readonly kind: "service";
  /** Protocol of the service. */
  readonly protocol: Protocol;
  /** The upstream configuration in its defaults, in addition to that of connections. */
  readonly upstreamConfig?: consul.UpstreamConfiguration;
}

/** A service without instances, which leads to other services. */
export interface VirtualServiceRecord extends NamedRecord {
  /** Tells the kinds of members apart. */
  readonly kind: "virtual service";
  /** Whether only config entries that are written manually name it. @default false */
  readonly isGiven?: boolean;
  /** Protocol of the service. */
  readonly protocol: Protocol;
}

/** A service outside the mesh, which can be reached through a terminating gateway. */
export interface ExternalServiceRecord extends NamedRecord {
  /** Tells the kinds of members apart. */
  readonly kind: "external service";
  /** Protocol of the service. */
  readonly protocol: Protocol;
  /** The instances that the app registers in Consul's catalog; none if something else does. */
  readonly instances: readonly ExternalInstanceRecord[];
  /** How the terminating gateway uses TLS. @default plaintext */
  readonly tls?: ExternalTlsRecord;
  /** Why plaintext is acceptable. */
  readonly plaintext?: string;
}

/** An instance of a service outside the mesh. */
export interface ExternalInstanceRecord {
  /** Host name or IP address. */
  readonly address: string;
  /** Port at this address. */
  readonly port: number;
  /** The node in Consul's catalog that represents its machine. */
  readonly nodeName: string;
}

/** How a terminating gateway uses TLS with an external service. */
export interface ExternalTlsRecord {
  /** Path of the CA certificate on the gateway. */
  readonly caFile: string;
  /** Path of the client certificate. @default no client certificate */
  readonly certFile?: string;
  /** Path of the private key of the client certificate. @default no client certificate */
  readonly keyFile?: string;
  /** The name that must be in its certificate. @default no name is compared */
  readonly sni?: string;
}

/** The kinds of gateways, as Consul names them. */
export type GatewayKind = "API gateway" | "ingress gateway" | "terminating gateway" | "mesh gateway";

/** A gateway of the mesh. */
export interface GatewayRecord extends NamedRecord {
  /** Tells the kinds of members apart. */
  readonly kind: "gateway";
  /** Whether only config entries that are written manually name it. @default false */
  readonly isGiven?: boolean;
  /** The kind of gateway. */
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

/** A port of a gateway that accepts connections from outside the mesh. */
export interface ListenerRecord {
  /** Port inside the allocation. */
  readonly port: number;
  /** Port of the node. */
  readonly hostPort: number;
  /** Protocol of the listener. */
  readonly protocol: Protocol;
  /** The host whose requests it accepts. @default any */
  readonly hostname?: string;
  /** @default plaintext */
  readonly tls?: {
    /** Whether the private key of its certificate passes through Terraform. */
    readonly hasInlineKey: boolean;
    /**
     * The text of each certificate of an API gateway; `undefined` for one in a file or in an entry that is not part of the app.
     *
     * @default none: it is not an API gateway
     */
    readonly certificates?: readonly (string | undefined)[];
  };
}

/** A service of another team. Only its name is known, and it is in no mesh of the app. */
export interface ImportedServiceRecord {
  /** Tells the kinds of members apart. */
  readonly kind: "imported service";
  /** Path of the construct. */
  readonly key: string;
  /** The construct that declares it. */
  readonly origin: Origin;
  /** Name in Consul. */
  readonly name: string;
  /** Protocol of the service. */
  readonly protocol: Protocol;
  /** It is in no mesh of the app. */
  readonly mesh: undefined;
}

/** A service or a gateway. */
export type MemberRecord =
  ServiceRecord | VirtualServiceRecord | ExternalServiceRecord | GatewayRecord | ImportedServiceRecord;

/** A service that can have traffic rules. */
export type TrafficOwnerRecord = ServiceRecord | VirtualServiceRecord | ExternalServiceRecord;

/** A job of Nomad. */
export interface JobRecord {
  /** Path of the construct. */
  readonly key: string;
  /** The construct that declares it. */
  readonly origin: Origin;
  /** Key of the mesh. */
  readonly mesh: string;
  /** Its id in Nomad. */
  readonly id: string;
  /** Namespace in Nomad. @default "default" */
  readonly namespace?: string;
  /** Region of Nomad. @default that of the mesh */
  readonly region?: string;
  /** Key of the gateway, or of the only service of the job. @default the job can have any services */
  readonly owner?: string;
  /** Version of the service, if it is the job of a version. */
  readonly version?: string;
}

/** The instances of a service in one group of one job, with their Envoys. */
export interface InstancesRecord {
  /** Path of the construct. */
  readonly key: string;
  /** The construct that declares it. */
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
  /** Tags in Consul. */
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
  /** The construct that declares it. */
  readonly origin: Origin;
  /** Name in Consul. */
  readonly name: string;
  /** Key of the mesh. */
  readonly mesh: string;
}

/** A prepared query. */
export interface QueryRecord extends NamedQuery {
  /** The construct that declares it. */
  readonly origin: Origin;
  /** Key of the mesh. */
  readonly mesh: string;
  /** The cluster peers to which it fails over. */
  readonly peers: readonly string[];
}

/** A reference to a service in a rule or a connection. */
export interface Reference {
  /** Name in Consul. */
  readonly service: string;
  /** Key of the member, if it was given as a construct and not only by name. */
  readonly member?: string;
  /** Subset of the service. @default all instances, or those of the default subset */
  readonly subset?: string;
  /** Datacenter of the service. @default the own one */
  readonly datacenter?: string;
  /** Cluster peer that exports the service. @default none */
  readonly peer?: string;
  /**
   * Partition and namespace of the service, both named; of a cluster peer, only the namespace.
   *
   * @default those of the rule or connection; of a cluster peer, the default namespace
   */
  readonly tenancy?: Tenancy;
  /** Prepared query that finds the instances; only of upstreams. @default none */
  readonly query?: string;
}

/** An upstream of instances. It only configures discovery, and grants no permissions. */
export interface UpstreamRecord {
  /** The service that is reached. */
  readonly destination: Reference;
  /** Port on the loopback interface; `undefined` if no port is needed (transparent proxy, Connect native). */
  readonly localBindPort?: number;
  /** Settings of the connection. */
  readonly options: UpstreamOptions;
}

/** An intention: a source that can reach a service. */
export interface IntentionRecord {
  /** The construct that declares it. */
  readonly origin: Origin;
  /** Key of the mesh in whose cluster the intention is. */
  readonly mesh: string;
  /** The source. If it is in another cluster, `peer` is the name of that cluster in this one. */
  readonly source: Reference;
  /** Consul name of the destination. */
  readonly destination: string;
  /** The requests that are allowed or denied. @default all connections and requests */
  readonly permissions?: readonly HttpPermission[];
  /** Whether all connections and requests of the source are denied. It then has no permissions. @default false */
  readonly isDenied?: boolean;
  /** What the intention is for. @default none */
  readonly description?: string;
  /** Whether a config entry that is written manually contains it, so that none is rendered for it. @default false */
  readonly isGiven?: boolean;
  /** Whether it was derived from traffic rules that lead to this destination, instead of being stated for it. */
  readonly follows: boolean;
}

/** The traffic rules of one name. They grow as they are stated. */
export interface TrafficRecord {
  /** By name. */
  readonly subsets: Map<string, SubsetRecord>;
  /** Names of the subsets whose instances are not part of the stable ones: those of versions and canaries. */
  readonly outsideStable: Set<string>;
  /** How requests are resolved to instances. */
  resolve: ResolveRecord;
  /** How requests are split. @default all go to one destination */
  splits?: readonly SplitRecord[];
  /** Routes, in the order in which they are matched. */
  readonly routes: RouteRecord[];
  /** Requests that go to one subset instead of the destination that the splits select. */
  testers?: {
    /** The header that selects them. */
    readonly header: consul.ServiceRouteHTTPMatchHeader;
    /** Where they go. */
    readonly to: Reference;
  };
}

/** A subset of the instances of a service. */
export interface SubsetRecord {
  /** `undefined` for the stable instances, which are in no subset of `outsideStable`. */
  readonly filter?: string;
  /** The filter that selects Nomad's canaries among the service's own instances. Canaries are not stable instances. */
  readonly canaryFilter?: string;
  /** Whether only instances whose checks pass get requests, not those with warnings. @default false */
  readonly onlyPassing?: boolean;
  /** Whether its instances have a separate job. */
  readonly isVersion: boolean;
}

/** How requests for a name are resolved to instances: the content of a service-resolver. */
export interface ResolveRecord {
  /** @default all instances, or the stable ones once there is a version */
  readonly defaultSubset?: string;
  /** Where all requests go instead. @default to the service itself */
  readonly redirect?: Reference;
  /** By subset; `*` for all other subsets. */
  readonly failover?: Readonly<Record<string, readonly Reference[]>>;
  /** Names of the options that were set, for messages. */
  readonly given: readonly string[];
  /** The settings of connections and load balancing, in Consul's format. */
  readonly fields: Pick<consul.ServiceResolverConfigEntry, "ConnectTimeout" | "RequestTimeout" | "LoadBalancer">;
  /** Changes of the rendered config entry. @default none */
  readonly override?: Override<Omit<consul.ServiceResolverConfigEntry, "Kind" | "Name">>;
}

/** A part of the traffic in a service-splitter. */
export interface SplitRecord {
  /** The destination. */
  readonly to: Reference;
  /** Share of the requests, in percent. */
  readonly weight: number;
  /** The other settings of the split, in Consul's format. */
  readonly fields: Omit<consul.ServiceSplit, "Weight" | "Service" | "ServiceSubset">;
}

/** A route of a service-router. */
export interface RouteRecord {
  /** The destination. @default the service itself, according to its splits */
  readonly to?: Reference;
  /** The requests that it matches. @default all */
  readonly match?: consul.ServiceRouteHTTPMatch;
  /** The other settings of the destination, in Consul's format. */
  readonly fields: Omit<consul.ServiceRouteDestination, "Service" | "ServiceSubset">;
}

/** A route from a listener of a gateway to services. */
export interface GatewayRouteRecord {
  /** Port of the listener. */
  readonly listener: number;
  /** The services to which it leads. */
  readonly targets: readonly Reference[];
  /**
   * Whether it leads to all services with an Envoy that use the listener's protocol. `allowed` contains the permissions of the
   * gateway for these services.
   *
   * @default only the targets
   */
  readonly anyService?: {
    /** What the gateway is permitted to request. @default nothing */
    readonly allowed?: Pick<IntentionRecord, "permissions" | "description">;
  };
  /** Host names of requests; if empty, any host. */
  readonly hosts: readonly string[];
  /** What no other route of the listener may also match, in words. */
  readonly claims: readonly string[];
  /** The service in the entry of an ingress gateway. */
  readonly ingress?: consul.IngressService;
}

/** The records of an app, by their keys. */
export interface GraphData {
  /** By path of the construct. */
  readonly meshes: Map<string, MeshRecord>;
  /** Services and gateways, by path of the construct. */
  readonly members: Map<string, MemberRecord>;
  /** By path of the construct. */
  readonly jobs: Map<string, JobRecord>;
  /** By path of the construct. */
  readonly instances: Map<string, InstancesRecord>;
  /** By key of the instances, then by id. */
  readonly upstreams: Map<string, Map<string, UpstreamRecord>>;
  /** All that are stated, in the order in which they are stated. */
  readonly intentions: IntentionRecord[];
  /** By key of the service. */
  readonly traffic: Map<string, TrafficRecord>;
  /** By key of the gateway. */
  readonly routes: Map<string, GatewayRouteRecord[]>;
  /** Keys of the external services to which terminating gateways lead, by key of the gateway. */
  readonly outside: Map<string, Set<string>>;
  /** Services in Consul's catalog that are outside the mesh. */
  readonly catalogServices: CatalogServiceRecord[];
  /** All that are declared. */
  readonly queries: QueryRecord[];
  /** Keys of the gateways that are allowed to log in to Consul. */
  readonly allowed: Set<string>;
  /** The token that each request to a service needs, by key of the service. */
  readonly tokens: Map<string, consul.IntentionJWTRequirement>;
  /** Keys of the meshes whose config entries are in a stack, by path of the stack, for stacks that may have no members. */
  readonly entryStacks: Map<string, string>;
  /** Names of JWT providers of other apps and teams. */
  readonly importedJwtProviders: Set<string>;
  /** Keys of the services that scrape the agents of servers. */
  readonly scrapers: Set<string>;
}

/** A stack that must be applied after another one, by paths. */
export interface StackEdge {
  readonly from: string;
  readonly to: string;
  /** Which resource needs which, for messages. */
  readonly because: string;
}
