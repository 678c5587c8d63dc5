/**
 * A mesh as a picture needs it: plain data that can be written as JSON, in an order that depends on names alone. It holds no
 * environment, template, argument, tag or header value of a job or an entry, since any of those may be a secret.
 */
export interface MeshGraph {
  /** Datacenters, peers and the like, by id. */
  readonly groups: readonly MeshGroup[];
  /** By id. */
  readonly nodes: readonly MeshNode[];
  /** By source, destination and kind. */
  readonly edges: readonly MeshEdge[];
  /** What could not be drawn, one sentence each. */
  readonly notes: readonly string[];
  /** What a running lab added. @default nothing: the graph is from synthesis alone */
  readonly live?: LiveNote;
}

/** Where nodes are. */
export interface MeshGroup {
  readonly id: string;
  readonly kind: "datacenter" | "peer" | "sameness group";
  readonly name: string;
}

export type NodeKind =
  /** A service with a job of this app. */
  | "service"
  /** A version of a service: a subset of its instances. */
  | "subset"
  /** An Envoy at the edge of the mesh. */
  | "gateway"
  /** What is outside of the mesh: behind a terminating gateway, a destination by address, or a service without an Envoy. */
  | "external"
  /** A name without instances that leads on to others. */
  | "virtual"
  /** Only a name here: another team's service, for example. */
  | "name"
  /** Any service, in a rule with a wildcard. */
  | "any"
  /** Programs outside of the mesh, which call gateways and published ports. */
  | "callers";

/** A box of the picture. */
export interface MeshNode {
  readonly id: string;
  readonly kind: NodeKind;
  readonly name: string;
  /** Id of the group that it is in. @default the only datacenter, which has no name here */
  readonly group?: string;
  /** What it speaks; `undefined` where this app does not say. */
  readonly protocol?: string;
  /** The name under which its Envoys count what they do. @default its own */
  readonly countedAs?: string;
  /** What kind of gateway it is. */
  readonly gateway?: "api" | "ingress" | "mesh" | "terminating";
  /** The service that a subset is of. */
  readonly subsetOf?: string;
  /** Which instances a subset has, in Consul's filter language. */
  readonly filter?: string;
  /** Of a subset: whether requests go there that ask for none. @default false */
  readonly isDefault?: boolean;
  /** The jobs that run it. @default none: it is not run by this app */
  readonly jobs?: readonly MeshJob[];
  /** Port on which it listens inside its allocations. */
  readonly port?: string;
  /** Ports of the hosts that lead to it without the mesh. @default none */
  readonly published?: readonly number[];
  /** How it takes part in the mesh. */
  readonly proxy?: "connect native" | "sidecar" | "transparent proxy";
  /** Checks of its health, as type and name. @default none */
  readonly checks?: readonly string[];
  /** Listeners of a gateway, e.g. `http :8080`. @default none */
  readonly listeners?: readonly string[];
  /** Where something external is, e.g. `db.example.com:5432`. @default unknown */
  readonly addresses?: readonly string[];
  /** Extensions of its Envoys, by name, e.g. `builtin/lua`; a mesh's own are not listed. @default none */
  readonly extensions?: readonly string[];
  /** Peers and partitions that may see it. @default none */
  readonly exportedTo?: readonly string[];
  /** How it is now, in a running lab. @default unknown */
  readonly health?: NodeHealth;
  /** Pages about it in the UIs of Consul and Nomad. @default none */
  readonly links?: readonly NodeLink[];
  /** Commands about it, to copy. @default none */
  readonly commands?: readonly string[];
}

/** A page in a UI. */
export interface NodeLink {
  /** What it is about, e.g. `Nomad: job web`. */
  readonly title: string;
  /** With scheme `http` or `https`. */
  readonly url: string;
}

/** A job of Nomad. */
export interface MeshJob {
  readonly id: string;
  /** The Terraform stack that it is in. */
  readonly stack: string;
  /** How many instances there are to be; of a periodic or parameterized job, at each of its runs. */
  readonly instances: number;
  /** Its task group. @default named like the job */
  readonly group?: string;
  /** Its namespace in Nomad. @default "default" */
  readonly namespace?: string;
  /** What kind of job it is. @default one that runs all the time */
  readonly kind?: "system" | "batch" | "sysbatch" | "periodic" | "parameterized";
}

export type EdgeKind =
  /** A service reaches, or may reach, another. */
  | "connection"
  /** A service's traffic is shared out by weight. */
  | "split"
  /** Certain requests of a service go there. */
  | "route"
  /** A name leads to another. */
  | "redirect"
  /** Where traffic goes when nothing healthy is left. */
  | "failover"
  /** A service has this subset, and no split or route leads there. */
  | "subset"
  /** A terminating gateway carries traffic there. */
  | "carries"
  /** Callers from outside of the mesh get in here. */
  | "enters";

/** An arrow of the picture. */
export interface MeshEdge {
  readonly id: string;
  readonly kind: EdgeKind;
  /** Id of a node. */
  readonly source: string;
  /** Id of a node. */
  readonly destination: string;
  /** Of a connection: what intentions say of it. */
  readonly permission?: Permission;
  /**
   * The ways on which the source finds the destination, e.g. `127.0.0.1:8080`. @default none: it may reach it, but has no
   * upstream
   */
  readonly ways?: readonly string[];
  /** In percent. */
  readonly weight?: number;
  /** Of a failover: its turn among those that are tried, from 1. */
  readonly choice?: number;
  /** Which requests a route or a gateway's listener is about, e.g. `/v1/*`. @default all */
  readonly matches?: readonly string[];
  /** Further sentences. @default none */
  readonly remarks?: readonly string[];
  /** What goes through it now, in a running lab. @default unknown */
  readonly traffic?: EdgeTraffic;
}

/** What the intentions say about one source and one destination. */
export interface Permission {
  /** `unknown`: the destination's intentions are not in this app. */
  readonly allowed: "all" | "some requests" | "no" | "unknown";
  /** The rules on requests in the order in which they are asked, e.g. `allow GET /v1/*`. @default none */
  readonly rules?: readonly string[];
  /** For people, as the app's author wrote it. @default none */
  readonly description?: string;
  /** That it holds for any source, or for any destination. @default for just these two */
  readonly wildcard?: boolean;
}

/** The health of a node's instances. */
export interface NodeHealth {
  readonly healthy: number;
  readonly wanted: number;
  /** Whether all of them have done their work. @default false */
  readonly isDone?: boolean;
  /** Why they are not healthy, one sentence each. */
  readonly problems: readonly string[];
}

/** What Envoys counted. */
export interface EdgeTraffic {
  readonly unit: "requests" | "connections";
  readonly perSecond: number;
  /** Answered with a status of 400 to 499. @default 0 */
  readonly clientErrorsPerSecond?: number;
  /** Answered with a status of 500 or more, by the destination or by Envoy itself. @default 0 */
  readonly serverErrorsPerSecond?: number;
  /** How long requests took on average, in milliseconds. @default unknown: there were none, or no Envoy measures it */
  readonly meanMs?: number;
  /** Within which time 95 % of the requests were answered, in milliseconds. @default as for `meanMs` */
  readonly p95Ms?: number;
  /** Of connections: those that could not be opened. @default 0 */
  readonly failedPerSecond?: number;
  /** Of connections: those that are open. @default unknown */
  readonly open?: number;
}

/** When and how a running lab was looked at. */
export interface LiveNote {
  readonly lab: string;
  /** ISO 8601, UTC. */
  readonly takenAt: string;
  /** Over how many seconds rates were measured. */
  readonly seconds: number;
}
