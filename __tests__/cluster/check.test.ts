import { checkCluster, type ClusterReport } from "../../cluster/check";
import { isSeen, type Fact, type Unseen } from "../../cluster/fact";
import type { AclReplication, ConsulBlock, Facts, Node } from "../../cluster/facts";
import { RULES } from "../../cluster/rules";
import { allocationFact, healthyFacts, jobFact, nodeFact } from "../support/cluster-facts";

const healthy = healthyFacts();

function linesOf({ findings }: ClusterReport): string[] {
  return findings.map(({ id, level, at, problem, fix }) => `${level} ${id}: ${at}: ${problem} ${fix}`);
}

/** The value of a fact of the healthy cluster. */
function valueOf<T>(fact: Fact<T>): T {
  if (!isSeen(fact)) throw new Error("not seen");
  return fact.value;
}

/** A healthy cluster whose nodes have other attributes. */
function withAttributes(change: Node["Attributes"]): Partial<Facts> {
  const node = nodeFact("client-1");
  return { nodes: { value: [{ ...node, Attributes: { ...node.Attributes, ...change } }] } };
}

function withApp(change: Parameters<typeof jobFact>[0]): Partial<Facts> {
  return { app: { jobs: [jobFact(change)], services: ["api"], ownAuthMethods: [] } };
}

function withConsulBlock(change: Partial<ConsulBlock>): Partial<Facts> {
  const agent = valueOf(healthy.nomadAgent);
  const Consuls = (agent.config.Consuls ?? []).map((block) => ({ ...block, ...change }));
  return { nomadAgent: { value: { ...agent, config: { ...agent.config, Consuls } } } };
}

function withConsulSettings(change: object): Partial<Facts> {
  const agent = valueOf(healthy.consulAgent);
  return { consulAgent: { value: { ...agent, DebugConfig: { ...agent.DebugConfig, ...change } } } };
}

function withReplication(change: Partial<AclReplication>): Partial<Facts> {
  return { aclReplication: { value: { ...valueOf(healthy.aclReplication), ...change } } };
}

function withAuthMethod(change: object): Partial<Facts> {
  return { authMethods: { value: valueOf(healthy.authMethods).map((method) => ({ ...method, ...change })) } };
}

test("a cluster in which a mesh works has no errors and no warnings, only a note of what no API shows", () => {
  const report = checkCluster(healthy);
  expect(linesOf(report)).toEqual([
    "note bridge-sysctls: node client-1: No API shows the sysctls of the node, which must be 1. Run " +
      "`modprobe br_netfilter; sysctl net.bridge.bridge-nf-call-{arptables,ip6tables,iptables}` on each node.",
  ]);
  expect(report).toMatchObject({ ok: true, withoutApp: [], checked: RULES.map(({ id }) => id) });
});

const cases: readonly (readonly [rule: string, what: string, change: Partial<Facts>, line: RegExp])[] = [
  [
    "tokens",
    "an unknown token",
    { nomadToken: { value: { enabled: true, valid: false, anonymous: false } } },
    /^error tokens: Nomad: It does not know the token in NOMAD_TOKEN\. Set NOMAD_TOKEN to a token of this cluster\.$/,
  ],
  [
    "clock-skew",
    "a slow clock",
    { consulClock: { value: -12_000 } },
    /^warning clock-skew: Consul: The clock of the agent is 12 s behind the clock of this machine\. Synchronize/,
  ],
  [
    "clock-skew",
    "a very fast clock",
    { nomadClock: { value: 95_400 } },
    /^error clock-skew: Nomad: The clock of the agent is 95 s ahead of the clock of this machine\. /,
  ],
  [
    "versions",
    "a Nomad that does not know this Consul",
    withAttributes({ "consul.version": "1.16.1" }),
    /^warning versions: node client-1: Nomad 1\.11\.3 is not known to work with Consul 1\.16\.1\. .*1\.16\.1 should be avoided/,
  ],
  [
    "server-versions",
    "a client that is newer than the servers",
    { nomadServers: { value: [{ Name: "server-1.global", Status: "alive", Tags: { build: "1.10.5" } }] } },
    /^warning server-versions: Nomad on client-1: Clients run Nomad 1\.11\.3, but a server runs 1\.10\.5\. Upgrade the servers first\.$/,
  ],
  [
    "acl-replication",
    "a datacenter that fails to copy ACLs",
    withReplication({ LastSuccess: "2026-01-01T00:00:00Z" }),
    /^error acl-replication: Consul: It does not copy the ACLs of dc1: No path to datacenter\. Make sure that the mesh gateways of both datacenters run, /,
  ],
  [
    "acl-replication",
    "a datacenter that copies no ACLs",
    withReplication({ Running: false }),
    /^error acl-replication: Consul: It does not copy the ACLs of dc1: it does not run\./,
  ],
  [
    "connect-enabled",
    "a client without Connect",
    withAttributes({ "consul.connect": "false" }),
    /^error connect-enabled: node client-1: Connect is not enabled in the Consul agent of the node .*Set `connect \{ enabled = true \}`/,
  ],
  [
    "default-intentions",
    "a default that allows",
    withConsulSettings({ DefaultIntentionPolicy: "allow" }),
    /^error default-intentions: Consul: default_intention_policy is allow: services can reach each other without an intention\./,
  ],
  [
    "default-intentions",
    "an intention that allows everything",
    { wildcardIntention: { value: "allow" } },
    /^error default-intentions: Consul: The intention from "\*" to "\*" allows: .* Remove it: `consul intention delete/,
  ],
  [
    "workload-identity",
    "another audience",
    withAuthMethod({ Config: { BoundAudiences: ["example.com"] } }),
    /^error workload-identity: Consul's auth method nomad-workloads: It accepts the audience example\.com, but Nomad's identities have consul\.io\./,
  ],
  [
    "workload-identity",
    "tokens that expire",
    withAuthMethod({ MaxTokenTTL: "1h0m0s" }),
    /^error workload-identity: .* Its tokens expire after 1h0m0s \(MaxTokenTTL\)/,
  ],
  [
    "workload-identity",
    "servers without an identity for services",
    withConsulBlock({ ServiceIdentity: null }),
    /^error workload-identity: Nomad agent server-1: Its `consul` block has no service_identity/,
  ],
  [
    "consul-on-nodes",
    "a node without Consul",
    withAttributes({ "consul.version": undefined }),
    /^error consul-on-nodes: node client-1: Nomad has found no Consul agent/,
  ],
  [
    "grpc-port",
    "no gRPC port",
    withAttributes({ "consul.grpc": "-1" }),
    /^error grpc-port: node client-1: Nomad sees no gRPC port of Consul \(consul\.grpc is -1\)\. Set `ports \{ grpc = 8502 \}`/,
  ],
  [
    "grpc-port",
    "a gRPC port with TLS only",
    { ...withAttributes({ "consul.grpc": "-1" }), ...withConsulSettings({ GRPCPort: -1 }) },
    /^error grpc-port: .*only the gRPC port with TLS, 8503.* grpc_address = "127\.0\.0\.1:8503"/,
  ],
  [
    "grpc-ca-file",
    "TLS without the file of a CA",
    withConsulBlock({ EnableSSL: true }),
    /^error grpc-ca-file: Nomad agent server-1: Its `consul` block has ssl = true, but no grpc_ca_file\./,
  ],
  [
    "grpc-ca-file",
    "the file of a CA for the port without TLS",
    withConsulBlock({ GRPCCAFile: "/etc/ca.pem", GRPCAddr: "127.0.0.1:8502" }),
    /^error grpc-ca-file: .*is Consul's gRPC port without TLS\. Use the gRPC port with TLS \(8503\)/,
  ],
  [
    "cni-plugins",
    "a missing plugin",
    withAttributes({ "plugins.cni.version.portmap": undefined }),
    /^error cni-plugins: node client-1: Nomad finds no usable CNI plugins portmap\. Install the CNI plugins in \/opt\/cni\/bin/,
  ],
  [
    "cni-plugins",
    "transparent proxy without its plugin",
    withApp({ hasTransparentProxy: true }),
    /^error cni-plugins: .*The app uses transparent proxy, but Nomad finds no plugin consul-cni 1\.4\.2 or newer\./,
  ],
  [
    "consul-dns",
    "tasks that use Consul's DNS, with a name server on the loopback interface",
    {
      ...withApp({ needsConsulDns: true }),
      ...withAttributes({ "consul.dns.port": "8600", "unique.consul.dns.addr": "" }),
    },
    /^error consul-dns: node client-1: .*its DNS server answers only on the loopback interface of the node.* Set .*`addresses \{ dns = "127\.0\.0\.1 </,
  ],
  [
    "consul-dns",
    "tasks that use Consul's DNS, without a name server",
    {
      ...withApp({ needsConsulDns: true }),
      ...withAttributes({ "consul.dns.port": "-1", "unique.consul.dns.addr": "10.0.0.1" }),
    },
    /^error consul-dns: node client-1: .*its DNS server is turned off/,
  ],
  [
    "bridge-network",
    "a kernel without bridges",
    { nodes: { value: [nodeFact("client-1", { NodeResources: { NodeNetworks: [{ Mode: "host" }] } })] } },
    /^error bridge-network: node client-1: The node does not offer the network mode bridge\. Load the kernel module bridge/,
  ],
  [
    "bridge-sysctls",
    "several nodes",
    { nodes: { value: [nodeFact("b"), nodeFact("a")] } },
    /^note bridge-sysctls: nodes a, b: No API shows the sysctls/,
  ],
  [
    "node-addresses",
    "a loopback address",
    withAttributes({ "unique.network.ip-address": "127.0.0.1" }),
    /^error node-addresses: node client-1: Its address is 127\.0\.0\.1, .* Set network_interface/,
  ],
  [
    "envoy-versions",
    "an image that Consul does not support",
    withApp({ envoyImages: ["envoyproxy/envoy:v1.20.0"] }),
    /^warning envoy-versions: mesh\/mesh\/api: The image of sidecars is envoyproxy\/envoy:v1\.20\.0: Consul 1\.21\.5 is not known/,
  ],
  [
    "deployer-permissions",
    "a token that writes no intentions",
    { consulDenials: { value: ['intention "api" = write'] } },
    /^error deployer-permissions: Consul: The token in CONSUL_HTTP_TOKEN lacks intention "api" = write\. Use a token with the policy mesh-deployer/,
  ],
  [
    "node-pools",
    "a pool that does not exist",
    withApp({ nodePool: "gpu" }),
    /^error node-pools: mesh\/mesh\/api: Nomad has no node pool gpu; it has all, default\. /,
  ],
  [
    "node-pools",
    "a pool whose nodes take no jobs",
    { nodes: { value: [nodeFact("client-1", { SchedulingEligibility: "ineligible" })] } },
    /^error node-pools: mesh\/mesh\/api: The node pool default has no node that is ready and eligible\. /,
  ],
  [
    "drivers",
    "a driver that no node has",
    withApp({ drivers: ["docker", "raw_exec"] }),
    /^error drivers: mesh\/mesh\/api: No node of the pool default \(client-1\) has the driver raw_exec: disabled\. Set `plugin "raw_exec"/,
  ],
  [
    "host-networks",
    "a host network that no node has",
    withApp({ hostNetworks: ["private"] }),
    /^error host-networks: mesh\/mesh\/api: No node of the pool default has the host network private; they have default\. /,
  ],
  [
    "job-plans",
    "a job without a node",
    {
      plans: {
        value: [{ job: "api", construct: "mesh/mesh/api", unplaced: ["group api cannot be placed on 0 nodes"] }],
      },
    },
    /^error job-plans: mesh\/mesh\/api: Nomad finds no node: group api cannot be placed on 0 nodes\. /,
  ],
  [
    "job-plans",
    "a job that is not complete yet",
    withApp({ job: undefined }),
    /^note job-plans: mesh\/mesh\/api: A part of the job is known only when Terraform applies it/,
  ],
  [
    "consul-program",
    "a node that lacks consul",
    {
      allocations: {
        value: [
          allocationFact("connect-proxy-api", "dead", 'failed: exec: "consul": executable file not found in $PATH'),
        ],
      },
    },
    /^error consul-program: node client-1: Nomad does not find the program consul/,
  ],
  [
    "consul-program",
    "a node where no sidecar has run",
    { allocations: { value: [] } },
    /^note consul-program: node client-1: No API shows whether the program consul is on Nomad's PATH until a sidecar runs/,
  ],
  [
    "task-failures",
    "a network that cannot be made",
    { allocations: { value: [allocationFact("api", "dead", "failed to setup alloc: pre-run hook network failed")] } },
    /^error task-failures: job api on client-1: Task api: failed to setup alloc: .*\. Check the CNI plugins, iptables/,
  ],
  [
    "sidecar-checks",
    "a sidecar behind a firewall",
    {
      criticalChecks: {
        value: [
          {
            Node: "client-1",
            Name: "Connect Sidecar Listening",
            ServiceName: "api-sidecar-proxy",
            Output: "dial tcp 192.168.1.7:23456: i/o timeout",
          },
        ],
      },
    },
    /^error sidecar-checks: api-sidecar-proxy on client-1: Consul's agent cannot reach its sidecar: dial tcp .* i\/o timeout\. .*host network/,
  ],
];

test.each(cases)("%s finds %s", (_rule, _what, change, line) => {
  const report = checkCluster(healthyFacts(change));
  const lines = linesOf(report);
  expect(lines).toEqual(expect.arrayContaining([expect.stringMatching(line)]));
  expect(report.ok).toBe(!lines.some((it) => it.startsWith("error")));
  // Nothing else is wrong with it but what follows from the same cause.
  expect(new Set(report.findings.filter(({ level }) => level !== "note").map((it) => it.id)).size).toBeLessThan(3);
});

test("there is a case of each rule, and each says why", () => {
  expect([...new Set(cases.map(([id]) => id))].sort()).toEqual(RULES.map(({ id }) => id).sort());
  for (const { reason } of RULES) expect(reason).toMatch(/^[A-Z].*\.$/);
});

test("the first deployment is not held up by what it creates itself", () => {
  const change = { authMethods: { value: [] }, bindingRules: { value: [] } };
  const without = checkCluster(healthyFacts(change), true);
  expect(linesOf(without)).toEqual(
    expect.arrayContaining([expect.stringMatching(/nomad-workloads: It does not exist; Consul has none/)]),
  );
  const app = { jobs: [jobFact()], services: ["api"], ownAuthMethods: ["nomad-workloads"] };
  const creating = checkCluster(healthyFacts({ ...change, app }), true);
  expect(creating.ok).toBe(true);
  expect(creating.checked).not.toEqual(expect.arrayContaining(["task-failures"]));
});

test("without an app, the rules about its jobs are named", () => {
  const report = checkCluster(healthyFacts({ app: undefined }));
  expect(report.withoutApp).toEqual(["deployer-permissions", "node-pools", "drivers", "host-networks", "job-plans"]);
  expect(report.checked).not.toEqual(expect.arrayContaining(["drivers"]));
});

test("an answer that a rule cannot read is an error", () => {
  const report = checkCluster(healthyFacts({ nodes: { value: [{}] as never } }));
  expect(linesOf(report)).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^error grpc-port: meshform check: The rule ended with an error: TypeError/),
    ]),
  );
  expect(report.ok).toBe(false);
});

test("what cannot be seen is a finding that names the rules which it keeps from looking", () => {
  const denied: Unseen = {
    engine: "Nomad",
    request: "GET /v1/nodes",
    kind: "denied",
    words: "status 403: Permission denied",
  };
  const lines = linesOf(checkCluster(healthyFacts({ nodes: denied, plans: { ...denied, kind: "failed" } })));
  expect(lines).toEqual([
    expect.stringMatching(
      /^warning not-visible: Nomad: GET \/v1\/nodes is not permitted \(status 403: Permission denied\)\. Not checked: versions, .*drivers.* Run it with a token in NOMAD_TOKEN that has node = read\.$/,
    ),
  ]);
  const gone: Unseen = {
    engine: "Consul",
    request: "GET /v1/agent/self",
    kind: "unreachable",
    words: "self-signed certificate",
  };
  const report = checkCluster(
    healthyFacts({ consulAgent: gone, connect: { ...gone, request: "GET /v1/connect/ca/roots" } }),
  );
  expect(linesOf(report)[0]).toMatch(
    /^error not-visible: Consul: It does not answer: self-signed certificate\. Not checked: connect-enabled, default-intentions, .* Check the scheme in CONSUL_HTTP_ADDR, and CONSUL_CACERT\.$/,
  );
  expect(report.ok).toBe(false);
});
