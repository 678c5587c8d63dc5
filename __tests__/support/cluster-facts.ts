import type { NeededJob } from "../../cluster/app-needs";
import type { Allocation, Facts, Node } from "../../cluster/facts";

/** A node as Nomad 1.11.3 describes it, without what no rule reads. */
export function nodeFact(name: string, change: Partial<Node> = {}): Node {
  const driver = { Detected: true, Healthy: true, HealthDescription: "Healthy" };
  const version = "v1.9.1";
  return {
    ID: `id-of-${name}`,
    Name: name,
    Datacenter: "dc1",
    NodePool: "default",
    SchedulingEligibility: "eligible",
    Attributes: {
      "consul.connect": "true",
      "consul.grpc": "8502",
      "consul.version": "1.21.5",
      "nomad.version": "1.11.3",
      "unique.network.ip-address": "10.0.0.7",
      ...Object.fromEntries(
        ["bridge", "firewall", "host-local", "loopback", "portmap"].map((it) => [`plugins.cni.version.${it}`, version]),
      ),
    },
    Meta: { "connect.sidecar_image": "docker.io/envoyproxy/envoy:v${NOMAD_envoy_version}" },
    Drivers: { docker: driver, raw_exec: { Detected: false, Healthy: false, HealthDescription: "disabled" } },
    HostNetworks: null,
    NodeResources: { NodeNetworks: [{ Mode: "bridge" }, { Mode: "host" }] },
    ...change,
  };
}

/** A job of an app that the healthy cluster runs. */
export function jobFact(change: Partial<NeededJob> = {}): NeededJob {
  return {
    id: "api",
    namespace: "default",
    construct: "mesh/mesh/api",
    nodePool: "default",
    drivers: ["docker"],
    hostNetworks: [],
    hasTransparentProxy: false,
    needsConsulDns: false,
    envoyImages: [],
    job: {},
    ...change,
  };
}

/** An allocation whose only task has one event. */
export function allocationFact(task: string, State: string, DisplayMessage: string): Allocation {
  return {
    ID: "0f1e",
    JobID: "api",
    TaskGroup: "api",
    NodeID: "id-of-client-1",
    NodeName: "client-1",
    TaskStates: { [task]: { State, Events: [{ Type: "Setup Failure", DisplayMessage, Time: 1 }] } },
  };
}

/** What a cluster answers in which a mesh works: Consul 1.21.5 with ACLs that deny, Nomad 1.11.3 with workload identities. */
export function healthyFacts(change: Partial<Facts> = {}): Facts {
  const consul = (Name: string, role: string) => ({ Name, Status: 1, Tags: { role, build: "1.21.5:4e96098f" } });
  return {
    consulAgent: {
      value: {
        Config: { Datacenter: "dc1", NodeName: "server-1", Server: true, Version: "1.21.5" },
        DebugConfig: {
          ACLsEnabled: true,
          ACLResolverSettings: { ACLDefaultPolicy: "deny" },
          ConnectEnabled: true,
          DefaultIntentionPolicy: "",
          GRPCPort: 8502,
          GRPCTLSPort: 8503,
        },
      },
    },
    consulMembers: { value: [consul("server-1", "consul"), consul("client-1", "node")] },
    connect: { value: { enabled: true } },
    consulToken: { value: { enabled: true, valid: true, anonymous: false } },
    wildcardIntention: { value: "none" },
    authMethods: {
      value: [
        {
          Name: "nomad-workloads",
          Type: "jwt",
          MaxTokenTTL: "0s",
          Config: { BoundAudiences: ["consul.io"], JWKSURL: "https://nomad.example.com/.well-known/jwks.json" },
        },
      ],
    },
    bindingRules: {
      value: [{ AuthMethod: "nomad-workloads", BindType: "service", BindName: "${value.nomad_service}" }],
    },
    consulDenials: { value: [] },
    aclReplication: {
      value: {
        ...{ Enabled: true, Running: true, SourceDatacenter: "dc1", LastErrorMessage: "No path to datacenter" },
        ...{ LastSuccess: "2026-01-01T00:00:02Z", LastError: "2026-01-01T00:00:01Z" },
      },
    },
    criticalChecks: { value: [] },
    consulClock: { value: 300 },
    nomadClock: { value: -300 },
    nomadAgent: {
      value: {
        config: {
          Consuls: [
            {
              Name: "default",
              Addr: "127.0.0.1:8500",
              EnableSSL: false,
              GRPCAddr: "",
              GRPCCAFile: "",
              ServiceIdentity: { Audience: ["consul.io"] },
              ServiceIdentityAuthMethod: "nomad-workloads",
            },
          ],
          Client: { Enabled: true },
          Server: { Enabled: true },
          NodeName: "server-1",
          Version: { Version: "1.11.3" },
        },
      },
    },
    nomadServers: { value: [{ Name: "server-1.global", Status: "alive", Tags: { build: "1.11.3" } }] },
    nomadToken: { value: { enabled: true, valid: true, anonymous: false } },
    nodes: { value: [nodeFact("client-1")] },
    nodePools: { value: ["all", "default"] },
    allocations: { value: [allocationFact("connect-proxy-api", "running", "Task started by client")] },
    plans: { value: [{ job: "api", construct: "mesh/mesh/api", unplaced: [] }] },
    app: { jobs: [jobFact()], services: ["api"], ownAuthMethods: [] },
    ...change,
  };
}
