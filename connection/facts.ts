import type * as consul from "../constructs/consul/generated/config-entries";
import type { AskedQuery } from "../constructs/model/reach";
import type { HttpRequest } from "../constructs/model/http-request";
import type { Fact } from "../cluster/fact";
import type { Explanation } from "../graph/explain";
import type { PreparedQuery } from "../lab/cluster/prepared-query";
import type { JobStatus } from "../lab/cluster/job-status";
import type { Socket } from "./admin";
import type { EnvoyView } from "./envoy-view";

/** What is known of the connection of one service to another, as plain JSON: what was asked of Consul, Nomad and the Envoys, once. */
export interface ConnectionFacts {
  readonly question: LiveQuestion;
  /** When they were gathered, in ISO 8601. */
  readonly asOf: string;
  /** What the graph of the app says. @default the app does not know one of the services, or none is given */
  readonly expected?: Explanation;
  /** The jobs of the services, by the app and by what is registered. */
  readonly jobs: Fact<readonly JobFact[]>;
  /** What Consul has of the source, healthy or not. */
  readonly source: Fact<readonly Instance[]>;
  /** The discovery chain of the destination, as Consul compiles it for the source, or that of the prepared query by which it is reached. */
  readonly chain: Fact<CompiledChain>;
  /** What Consul has of each target of the chain, by the target's id. */
  readonly targets: Readonly<Partial<Record<string, Fact<readonly Instance[]>>>>;
  /** The same of each target that is a part of a service: of the whole service there. */
  readonly registered: Readonly<Partial<Record<string, Fact<readonly Instance[]>>>>;
  /** Config entries, by datacenter. */
  readonly entries: Readonly<Partial<Record<string, Fact<readonly consul.ConfigEntry[]>>>>;
  /** Whether connections without an intention are allowed. */
  readonly defaultAllows: Fact<boolean>;
  /** The datacenters of the source's WAN federation, the nearest ones first: at least its own. */
  readonly federated: Fact<readonly string[]>;
  /** The prepared queries of the source's cluster, if the source has an upstream to one. */
  readonly queries?: Fact<readonly PreparedQuery[]>;
  /** The peerings of the source's cluster. */
  readonly peerings: Fact<readonly Peering[]>;
  /** The gateways that lead to other clusters, or to services outside of the mesh, by name. */
  readonly gateways: Readonly<Partial<Record<string, Fact<readonly Instance[]>>>>;
  /** Of each instance that was asked: its Envoy, by the id of its proxy. */
  readonly envoys: Readonly<Partial<Record<string, EnvoyFact>>>;
}

export interface LiveQuestion {
  readonly source: string;
  readonly destination: string;
  readonly datacenter: string;
  readonly request?: HttpRequest;
}

/** A job with instances of one of the services. */
export interface JobFact {
  readonly service: string;
  /** The Consul datacenter of its cluster. */
  readonly datacenter: string;
  readonly id: string;
  readonly namespace: string;
  /** `absent`: Nomad has no such job. */
  readonly state: "absent" | "stopped" | "submitted";
  /** Of a submitted job: how many instances its groups with the service should have. */
  readonly count: number;
  /** Of a submitted job. */
  readonly status?: JobStatus;
}

/** A proxy of a service, a gateway, or an instance with Connect native. */
export interface Instance {
  /** Of the proxy, in Consul. */
  readonly id: string;
  readonly service: string;
  /** `connect-proxy`, the kind of a gateway, or `native`. */
  readonly kind: string;
  readonly node: string;
  readonly address: string;
  readonly port: number;
  readonly checks: readonly Check[];
  /** What its registration has of upstreams. */
  readonly upstreams: readonly RegisteredUpstream[];
  readonly isTransparent: boolean;
  /** Nomad's allocation. @default Nomad does not run it */
  readonly allocation?: string;
}

export interface Check {
  /** @default not known */
  readonly id?: string;
  readonly name: string;
  readonly status: string;
  readonly output: string;
}

export interface RegisteredUpstream {
  readonly name: string;
  /** 0 if Envoy listens on a Unix socket. */
  readonly port: number;
  /** Path of the Unix socket. @default it listens on a port */
  readonly socket?: string;
  /** Whether it is one to a prepared query. @default one to a service */
  readonly isQuery?: boolean;
  /** The protocol that its registration has. @default none */
  readonly protocol?: string;
  /** @default the same cluster */
  readonly peer?: string;
  /** Where its name is looked up. @default in the datacenter of its instance */
  readonly datacenter?: string;
}

/** What is read of `/v1/discovery-chain`. */
export interface CompiledChain {
  /** Where the name of the destination is looked up. */
  readonly Datacenter: string;
  readonly Protocol: string;
  readonly StartNode: string;
  readonly Nodes: Readonly<Partial<Record<string, ChainNode>>>;
  readonly Targets: Readonly<Partial<Record<string, ChainTarget>>>;
  /** The prepared query that the source uses instead of the discovery chain of the destination. @default it uses the chain */
  readonly Query?: AskedQuery;
}

export interface ChainNode {
  readonly Type: string;
  readonly Name: string;
  readonly Resolver?: {
    readonly Target: string;
    /** Whether no resolver is configured. */
    readonly Default?: boolean;
    readonly Failover?: { readonly Targets: readonly string[] | null };
  };
  readonly Routes?: readonly { readonly NextNode: string; readonly Definition?: consul.ServiceRoute }[];
  readonly Splits?: readonly { readonly Weight: number; readonly NextNode: string }[];
}

export interface ChainTarget {
  readonly ID: string;
  readonly Service: string;
  readonly ServiceSubset?: string;
  readonly Datacenter: string;
  readonly Peer?: string;
  /** The name of its cluster in Envoys. */
  readonly Name: string;
  readonly Subset?: { readonly Filter?: string };
  /** Of a prepared query: whether instances with warnings are left out. */
  readonly OnlyPassing?: boolean;
  /** Of a prepared query: ids of checks that are ignored. */
  readonly IgnoreCheckIDs?: readonly string[] | null;
}

export interface Peering {
  readonly Name: string;
  readonly State: string;
}

/** An Envoy, or why it could not be asked. */
export type EnvoyFact =
  | { readonly envoy: EnvoyView; readonly sockets: readonly Socket[] }
  | {
      /** `stopped`: its task does not run; `silent`: it runs, but does not answer; `hidden`: nobody could ask it. */
      readonly kind: "stopped" | "silent" | "hidden";
      readonly words: string;
    };
