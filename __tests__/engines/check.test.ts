import { spawnSync } from "node:child_process";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { App } from "cdktf";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MeshStack } from "../../stacks";
import { Workload } from "../../constructs";
import type { CheckReport } from "../../cli/check";
import { readNeeds, type AppNeeds } from "../../cluster/app-needs";
import { checkCluster, type ClusterReport } from "../../cluster/check";
import { gather } from "../../cluster/gather";
import { EngineApi, type EngineEndpoint } from "../../lab/cluster/engine-api";
import { readStacks } from "../../lab/apply/synthesized";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { eventually } from "../support/eventually";
import { type Consul, TestClusters } from "../support/test-clusters";

jest.setTimeout(120_000);

/** Clusters with a wrong setting each. Some share a Consul, which is right in itself or wrong for all of them. */
let clusters: TestClusters;
let open: Consul, secure: Consul, noGrpc: Consul, onlyTls: Consul, noConnect: Consul;
let plain: EngineEndpoint, lonely: EngineEndpoint, blind: EngineEndpoint, untrusting: EngineEndpoint;
let disconnected: EngineEndpoint, mixedUp: EngineEndpoint, locked: EngineEndpoint;
/** A token of Nomad that may read, but submit nothing. */
let reader: string;
let app: AppNeeds;

const management = randomUUID();
/** A port on which nothing listens. */
const nobody = "127.0.0.1:1";

beforeAll(async () => {
  app = needsOfApp();
  const engines = await ensureEngines();
  clusters = new TestClusters(engines);
  [open, secure, noGrpc, onlyTls, noConnect] = await Promise.all([
    clusters.consul("consul-open"),
    clusters.consul(
      "consul-secure",
      () => ({ acl: { enabled: true, default_policy: "deny", tokens: { initial_management: management } } }),
      management,
    ),
    clusters.consul("consul-no-grpc", () => ({ ports: { grpc: -1, grpc_tls: -1 } })),
    clusters.consul("consul-only-tls", () => ({ ports: { grpc: -1 } })),
    clusters.consul("consul-no-connect", () => ({ connect: { enabled: false } })),
  ]);
  const consul = ({ address, token }: EngineEndpoint, more: object = {}) => ({
    consul: { address: address.replace("http://", ""), token, ...more },
  });
  [plain, lonely, blind, untrusting, disconnected, mixedUp, locked] = await Promise.all([
    clusters.nomad(
      "nomad-plain",
      {
        ...consul(open),
        client: {
          options: { "fingerprint.denylist": "env_aws,env_gce,env_azure,env_digitalocean" },
          cni_path: clusters.emptyFolder("cni"),
          meta: {
            "connect.sidecar_image": "envoyproxy/envoy:v1.20.7",
            "consul.service_preflight_check.timeout": "2s",
          },
        },
      },
      { path: `${clusters.emptyFolder("path")}:/usr/sbin:/usr/bin:/sbin:/bin` },
    ),
    clusters.nomad("nomad-lonely", { consul: { address: nobody } }),
    clusters.nomad("nomad-blind", consul(noGrpc)),
    clusters.nomad("nomad-untrusting", consul(onlyTls)),
    clusters.nomad("nomad-disconnected", consul(noConnect)),
    clusters.nomad("nomad-mixed-up", {
      ...consul(open, { grpc_address: `127.0.0.1:${open.grpcTls}` }),
      client: {
        options: {
          "fingerprint.denylist": "env_aws,env_gce,env_azure,env_digitalocean",
          "driver.denylist": "docker,raw_exec",
        },
      },
    }),
    clusters.nomad("nomad-locked", { ...consul(secure), acl: { enabled: true } }, { token: management }),
  ]);
  reader = await tokenOfReader();
});

afterAll(() => clusters.stop());

/** An app with a program and its Envoy under `raw_exec`. */
function needsOfApp(options: { readonly nomadNodePool?: string } = {}): AppNeeds {
  const outdir = mkdtempSync(join(tmpdir(), "meshform-check-"));
  try {
    const app = new App({ outdir });
    const { mesh } = new MeshStack(app, "mesh", { runtime: "exec", ...options });
    mesh.addService("api", { port: 9001, workload: Workload.exec({ command: "/bin/true" }) });
    app.synth();
    return readNeeds(readStacks(outdir));
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

async function tokenOfReader(): Promise<string> {
  const ask = async (path: string, body: object) => {
    const headers = { "X-Nomad-Token": management };
    const answer = await fetch(locked.address + path, { method: "POST", headers, body: JSON.stringify(body) });
    expect(answer.status).toBe(200);
    return answer.text();
  };
  const Rules = 'namespace "default" { policy = "read" } node { policy = "read" } agent { policy = "read" }';
  await ask("/v1/acl/policy/reader", { Name: "reader", Rules });
  const token = await ask("/v1/acl/token", { Name: "reader", Type: "client", Policies: ["reader"] });
  return (JSON.parse(token) as { SecretID: string }).SecretID;
}

async function check(
  consul: EngineEndpoint,
  nomad: EngineEndpoint,
  needs?: AppNeeds,
  pre = false,
): Promise<ClusterReport> {
  const engines = { consul: new EngineApi("Consul", consul), nomad: new EngineApi("Nomad", nomad) };
  return checkCluster(await gather(engines, needs, 5_000), pre);
}

/** What a rule says of a cluster: at, problem and fix in one line each. */
function linesOf({ findings }: ClusterReport, id: string): string[] {
  return findings.filter((it) => it.id === id).map(({ at, problem, fix }) => `${at}: ${problem} ${fix}`);
}

/** Checks until Nomad has seen its Consul, which it looks for every 15 seconds. */
async function finds(id: string, pattern: RegExp, ...cluster: Parameters<typeof check>): Promise<void> {
  await eventually(async () => {
    const report = await check(...cluster);
    expect(linesOf(report, id)).toEqual(expect.arrayContaining([expect.stringMatching(pattern)]));
    expect(report.ok).toBe(false);
  }, 40_000);
}

test("a Consul that does not answer, and a Nomad client that has found none", async () => {
  const report = await check({ address: `http://${nobody}` }, lonely);
  expect(linesOf(report, "not-visible")).toEqual([
    expect.stringMatching(
      /^Consul: It does not answer: connect ECONNREFUSED 127\.0\.0\.1:1\. Not checked: tokens, clock-skew, .*workload-identity, .* Check CONSUL_HTTP_ADDR, and that Consul runs there\.$/,
    ),
  ]);
  expect(linesOf(report, "consul-on-nodes")).toEqual([
    expect.stringMatching(/Nomad has found no Consul agent .* Start the Consul agent of the node/),
  ]);
  expect(report.ok).toBe(false);
});

test("a Consul without a gRPC port", () =>
  finds("grpc-port", /consul\.grpc is -1\)\. Set `ports \{ grpc = 8502 \}` in Consul/, noGrpc, blind));

test("a Consul whose gRPC port speaks only TLS, which Nomad reaches by plain HTTP", () =>
  finds(
    "grpc-port",
    /only the gRPC port with TLS, \d+, .* Set ssl = true, ca_file, grpc_ca_file/,
    onlyTls,
    untrusting,
  ));

test("a grpc_address with TLS without grpc_ca_file", () =>
  finds("grpc-ca-file", /is Consul's gRPC port with TLS, but there is no grpc_ca_file\./, open, mixedUp));

test("Connect that is not enabled", () =>
  finds(
    "connect-enabled",
    /^Consul's servers: Connect is not enabled\. .*connect \{ enabled = true \}/,
    noConnect,
    disconnected,
  ));

test("connections that are allowed without an intention", () =>
  finds(
    "default-intentions",
    /^Consul: ACLs are not enabled, so the default allows: .*default_intention_policy = "deny"/,
    open,
    plain,
  ));

test("missing CNI plugins, sidecars on the loopback interface, and an Envoy that Consul does not support", async () => {
  const report = await check(open, plain);
  expect(linesOf(report, "cni-plugins")).toEqual([
    expect.stringMatching(
      /no usable CNI plugins bridge, firewall, host-local, loopback, portmap\. Install the CNI plugins/,
    ),
  ]);
  expect(linesOf(report, "node-addresses")).toEqual([expect.stringMatching(/Its address is 127\.0\.0\.1, /)]);
  expect(linesOf(report, "envoy-versions")).toEqual([expect.stringMatching(/envoy:v1\.20\.7: Consul 1\.21/)]);
});

test("a driver and a node pool that the app needs", async () => {
  const withoutDriver = await check(open, mixedUp, app, true);
  expect(linesOf(withoutDriver, "drivers")).toEqual([
    expect.stringMatching(
      /^mesh\/mesh\/api: No node of the pool default \(\S+\) has the driver raw_exec.* Set `plugin "raw_exec"/,
    ),
  ]);
  expect(linesOf(withoutDriver, "job-plans")).toEqual([
    expect.stringMatching(/^mesh\/mesh\/api: Nomad finds no node: .*missing drivers/),
  ]);
  const elsewhere = await check(open, plain, needsOfApp({ nomadNodePool: "gpu" }), true);
  expect(linesOf(elsewhere, "node-pools")).toEqual([
    expect.stringMatching(/^mesh\/mesh\/api: Nomad has no node pool gpu; it has all, default\. /),
  ]);
});

test("the command takes the app with its own settings, and the cluster of the environment", () => {
  const root = join(__dirname, "..", "..");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "cli", "meshform.mjs"), "check", "--pre", "--json"],
    {
      cwd: root,
      env: {
        ...process.env,
        CONSUL_HTTP_ADDR: open.address,
        NOMAD_ADDR: mixedUp.address,
        MESHFORM_RUNTIME: "docker",
      },
      encoding: "utf8",
      timeout: 60_000,
    },
  );
  expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
  const [report] = (JSON.parse(stdout) as CheckReport).clusters;
  expect(report).toMatchObject({ consul: open.address, nomad: mixedUp.address, withoutApp: [] });
  expect(linesOf(report, "drivers")).toEqual([
    expect.stringMatching(/^mesh\/mesh\/count-api: .* has the driver docker\. Start Docker on the nodes/),
    expect.stringMatching(/^mesh\/mesh\/count-dashboard: .* has the driver docker\. /),
  ]);
});

test("workload identities that are not set up, or not alike in Consul and Nomad", async () => {
  const nomad = { ...locked, token: management };
  const before = await check(secure, nomad);
  expect(linesOf(before, "workload-identity")).toEqual([
    expect.stringMatching(/^Nomad agent \S+: Its `consul` block has no service_identity/),
    "Consul's auth method nomad-workloads: It does not exist; Consul has none. Run `nomad setup consul`, or deploy an AccessStack.",
  ]);

  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const method = {
    Name: "nomad-workloads",
    Type: "jwt",
    MaxTokenTTL: "1h",
    Config: {
      BoundAudiences: ["example.com"],
      JWTValidationPubKeys: [publicKey.export({ type: "spki", format: "pem" })],
      JWTSupportedAlgs: ["RS256"],
    },
  };
  const headers = { "X-Consul-Token": management };
  const created = await fetch(`${secure.address}/v1/acl/auth-method`, {
    method: "PUT",
    headers,
    body: JSON.stringify(method),
  });
  expect(created.status).toBe(200);
  expect(linesOf(await check(secure, nomad), "workload-identity").slice(1)).toEqual([
    expect.stringContaining("It has no binding rule, so logins get no permission."),
    expect.stringContaining("Its tokens expire after 1h0m0s (MaxTokenTTL)"),
  ]);
});

test("tokens that are unknown, missing, or not sufficient, and what they hide", async () => {
  const unknown = await check({ ...secure, token: randomUUID() }, { ...locked, token: randomUUID() });
  expect(linesOf(unknown, "tokens")).toEqual([
    "Consul: It does not know the token in CONSUL_HTTP_TOKEN. Set CONSUL_HTTP_TOKEN to a token of this cluster.",
    "Nomad: It does not know the token in NOMAD_TOKEN. Set NOMAD_TOKEN to a token of this cluster.",
  ]);
  const hidden = unknown.findings.filter(({ id }) => id === "not-visible").flatMap(({ rules }) => rules ?? []);
  expect(hidden).toEqual(expect.arrayContaining(["default-intentions", "workload-identity", "cni-plugins"]));
  expect(unknown.checked).not.toEqual(expect.arrayContaining(["cni-plugins"]));

  const without = await check({ ...secure, token: undefined }, { ...locked, token: undefined }, app);
  expect(linesOf(without, "tokens")).toEqual([
    "Consul: It has ACLs, but no token is given. Set CONSUL_HTTP_TOKEN.",
    "Nomad: It has ACLs, but no token is given. Set NOMAD_TOKEN.",
  ]);
  expect(linesOf(without, "deployer-permissions")).toEqual([
    expect.stringContaining('lacks mesh = write, service "api" = write, intention "api" = write.'),
  ]);
  expect(linesOf(without, "not-visible")).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^Consul: GET \/v1\/acl\/auth-methods is not permitted .* acl = read\.$/),
    ]),
  );

  const reading = await check(secure, { ...locked, token: reader }, app);
  expect(linesOf(reading, "job-plans")).toEqual([
    expect.stringMatching(/^mesh\/mesh\/api: The token in NOMAD_TOKEN may not submit it: Permission denied\./),
  ]);
});

test("a Nomad client that has no program consul on its PATH", async () => {
  const job = gatewayJob();
  const posted = await fetch(`${plain.address}/v1/jobs`, { method: "POST", body: JSON.stringify({ Job: job }) });
  expect(posted.status).toBe(200);
  await finds(
    "consul-program",
    /does not find the program consul \(exec: "consul": executable file not found in \$PATH\)\. Install consul in a directory of the PATH/,
    open,
    plain,
  );
});

/** The only Envoy of Nomad's that needs no bridge network: a gateway in the network of the host. */
function gatewayJob(): object {
  return {
    ID: "gateway",
    Name: "gateway",
    Datacenters: ["dc1"],
    Type: "service",
    TaskGroups: [
      {
        Name: "gateway",
        Count: 1,
        RestartPolicy: { Attempts: 0, Mode: "fail" },
        Networks: [{ Mode: "host", DynamicPorts: [{ Label: "in" }] }],
        Services: [
          {
            Name: "gateway",
            PortLabel: "in",
            Connect: {
              Gateway: { Ingress: { Listeners: [{ Port: 20_999, Protocol: "tcp", Services: [{ Name: "api" }] }] } },
              SidecarTask: { Driver: "raw_exec", Config: { command: "/bin/sleep", args: ["60"] } },
            },
          },
        ],
      },
    ],
  };
}
