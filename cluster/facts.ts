import type { Fact } from "./fact";
import type { AppNeeds } from "./app-needs";

/** What is known of a cluster: each fact is the answer to one request, or the reason for a missing answer. */
export interface Facts {
  readonly consulAgent: Fact<ConsulAgent>;
  /** Tags of each Consul agent. */
  readonly consulMembers: Fact<readonly ConsulMember[]>;
  /** Whether Consul's servers have a CA for the mesh. */
  readonly connect: Fact<{ readonly enabled: boolean }>;
  /** State of the given token. Without ACLs, `enabled` is false. */
  readonly consulToken: Fact<TokenState>;
  /** What the intention from `*` to `*` does, or `none`. */
  readonly wildcardIntention: Fact<"allow" | "deny" | "none">;
  readonly authMethods: Fact<readonly AuthMethod[]>;
  readonly bindingRules: Fact<readonly BindingRule[]>;
  /** What the token may not do of what the app needs. */
  readonly consulDenials: Fact<readonly string[]>;
  /** How Consul copies ACLs from the primary datacenter of a WAN federation. */
  readonly aclReplication: Fact<AclReplication>;
  readonly criticalChecks: Fact<readonly CriticalCheck[]>;
  /** How far the clock of an engine is ahead of this machine's, in milliseconds. */
  readonly consulClock: Fact<number>;
  readonly nomadClock: Fact<number>;
  readonly nomadAgent: Fact<NomadAgent>;
  readonly nomadServers: Fact<readonly NomadServer[]>;
  readonly nomadToken: Fact<TokenState>;
  readonly nodes: Fact<readonly Node[]>;
  readonly nodePools: Fact<readonly string[]>;
  /** Of all jobs, those that should run and have not been replaced. */
  readonly allocations: Fact<readonly Allocation[]>;
  /** What Nomad would do with each job of the app. Nothing is submitted. */
  readonly plans: Fact<readonly Plan[]>;
  /** The app; absent if none is given. */
  readonly app: AppNeeds | undefined;
}

export interface ConsulAgent {
  readonly Config: {
    readonly Datacenter: string;
    readonly NodeName: string;
    readonly Server: boolean;
    readonly Version: string;
  };
  readonly DebugConfig: {
    readonly ACLsEnabled: boolean;
    readonly ACLResolverSettings: { readonly ACLDefaultPolicy: string };
    readonly ConnectEnabled: boolean;
    readonly DefaultIntentionPolicy: string;
    readonly GRPCPort: number;
    readonly GRPCTLSPort: number;
  };
}

export interface ConsulMember {
  readonly Name: string;
  /** 1: it is alive. */
  readonly Status: number;
  readonly Tags: Readonly<Partial<Record<string, string>>>;
}

/** A token, as its engine knows it. */
export interface TokenState {
  /** Whether the engine has ACLs. */
  readonly enabled: boolean;
  /** Whether the engine knows the given token. */
  readonly valid: boolean;
  /** Whether none is given, although the engine has ACLs. */
  readonly anonymous: boolean;
}

export interface AuthMethod {
  readonly Name: string;
  readonly Type: string;
  /** Go duration; "0s" or absent if tokens do not expire. */
  readonly MaxTokenTTL?: string;
  readonly Config: { readonly BoundAudiences?: readonly string[] | null; readonly JWKSURL?: string } | null;
}

export interface BindingRule {
  readonly AuthMethod: string;
  readonly BindType: string;
  readonly BindName: string;
}

/** @see https://developer.hashicorp.com/consul/api-docs/acl#check-acl-replication */
export interface AclReplication {
  /** Whether the datacenter copies ACLs from another one. */
  readonly Enabled: boolean;
  readonly Running: boolean;
  readonly SourceDatacenter: string;
  /** Time of the last copy. */
  readonly LastSuccess: string;
  /** Time of the last failure. */
  readonly LastError: string;
  readonly LastErrorMessage: string;
}

export interface CriticalCheck {
  readonly Node: string;
  readonly Name: string;
  readonly ServiceName: string;
  readonly Output: string;
}

/** How a Nomad agent reaches Consul. */
export interface ConsulBlock {
  readonly Name: string;
  readonly Addr: string;
  readonly EnableSSL: boolean | null;
  readonly GRPCAddr: string;
  readonly GRPCCAFile: string;
  readonly ServiceIdentity: { readonly Audience?: readonly string[] } | null;
  readonly ServiceIdentityAuthMethod: string;
}

export interface NomadAgent {
  /** Of a server. */
  readonly member?: { readonly Name: string };
  readonly config: {
    readonly Consuls: readonly ConsulBlock[] | null;
    readonly Client: { readonly Enabled: boolean };
    readonly Server: { readonly Enabled: boolean };
    readonly NodeName: string;
    readonly Version: { readonly Version: string };
  };
}

export interface NomadServer {
  readonly Name: string;
  readonly Status: string;
  readonly Tags: Readonly<Partial<Record<string, string>>>;
}

/** A Nomad client that is ready. */
export interface Node {
  readonly ID: string;
  readonly Name: string;
  readonly Datacenter: string;
  readonly NodePool: string;
  readonly SchedulingEligibility: string;
  readonly Attributes: Readonly<Partial<Record<string, string>>>;
  readonly Meta: Readonly<Partial<Record<string, string>>> | null;
  readonly Drivers: Readonly<
    Partial<
      Record<string, { readonly Detected: boolean; readonly Healthy: boolean; readonly HealthDescription: string }>
    >
  >;
  readonly HostNetworks: Readonly<Record<string, unknown>> | null;
  readonly NodeResources: { readonly NodeNetworks: readonly { readonly Mode: string }[] | null };
}

export interface Allocation {
  readonly ID: string;
  readonly JobID: string;
  readonly TaskGroup: string;
  readonly NodeID: string;
  readonly NodeName: string;
  readonly TaskStates: Readonly<Record<string, TaskState>> | null;
}

export interface TaskState {
  readonly State: string;
  readonly Events: readonly { readonly Type: string; readonly DisplayMessage: string; readonly Time: number }[] | null;
}

export interface Plan {
  readonly job: string;
  /** Path of the construct. */
  readonly construct: string;
  /** Why groups find no node, one sentence each. */
  readonly unplaced: readonly string[];
  /** Nomad's words, if it refuses to plan. */
  readonly refusal?: { readonly status: number; readonly words: string };
}
