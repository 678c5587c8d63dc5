import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Testing } from "cdktf";
import { Constraint, HealthCheck, Protocol, Workload } from "../../constructs";
import { applyStacks } from "../../lab/apply";
import { EngineApi, type ClusterEndpoints } from "../../lab/cluster/engine-api";
import { writeImageArchive } from "../../lab/hosts/docker/image-archive";
import { envoyContents, nodeContents, pauseContents } from "../../lab/hosts/docker/lab-images";
import { AccessStack, MeshStack } from "../../stacks";
import { ACCOUNT, type AwsCall, type TestAwsAccount } from "../support/aws-account";
import { SynthesizedAwsCluster } from "../support/aws-cluster";
import type { CloudMachine } from "../support/cloud-machine";
import { eventually } from "../support/eventually";
import { statementsFor } from "../support/iam";
import { run } from "../support/lab";
import { MachineImage } from "../support/machine-image";

const MINUTE = 60_000;
jest.setTimeout(10 * MINUTE);

const REGION = "eu-central-1";
const SERVERS = "production-servers";
const CLIENTS = "production-general";
const GROUPS = {
  [SERVERS]: ["10.99.0.11", "10.99.0.12", "10.99.0.13"],
  [CLIENTS]: ["10.99.0.21", "10.99.0.22"],
} as const;
const EXAMPLE = join(__dirname, "../../examples/count-dashboard");

const cluster = SynthesizedAwsCluster.of({ region: REGION, preset: "production", minClients: 2, maxClients: 2 });
const folder = mkdtempSync(join(tmpdir(), "meshform-boot-"));
const outDir = join(folder, "cdktf.out");

/** The access rules, and count-dashboard with each service on a client of its own. */
function synthesizeMesh(): void {
  const app = Testing.app({ outdir: outDir });
  const access = new AccessStack(app, "access");
  const { mesh } = new MeshStack(app, "mesh", { runtime: "docker", secure: true, access });
  const on = (address: string) => [Constraint.equals("${attr.unique.network.ip-address}", address)];
  const [first, second] = GROUPS[CLIENTS];
  const api = mesh.addService("count-api", {
    ...{ port: 9001, protocol: Protocol.HTTP, healthCheck: HealthCheck.http("/health"), constraints: on(first) },
    workload: Workload.docker({ image: "hashicorpdev/counter-api:v3" }),
  });
  const dashboard = mesh.addService("count-dashboard", {
    ...{ port: 9002, protocol: Protocol.HTTP, healthCheck: HealthCheck.http("/health"), constraints: on(second) },
    ...{ publish: 9002, workload: Workload.docker({ image: "hashicorpdev/counter-dashboard:v3" }) },
  });
  dashboard.connectTo(api, { localBindPort: 8080, env: "COUNTING_SERVICE_URL" });
  app.synth();
}

async function succeed(machine: CloudMachine, ...command: string[]): Promise<string> {
  const { code, output } = await machine.run(...command);
  expect({ code, output }).toExit(0);
  return output;
}

interface Engine {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  readonly managementToken: string;
}

/** Consul and Nomad of a machine, as who is connected by Session Manager reaches them. */
async function endpointsOf(account: TestAwsAccount, machine: CloudMachine): Promise<ClusterEndpoints> {
  const document = JSON.parse(await account.secret("meshform/production/management")) as Record<string, Engine>;
  const endpoint = async (name: string, port: number) => {
    const { ca, certificate, key, managementToken } = document[name];
    const files = Object.entries({ ca, certificate, key }).map(([what, text]) => {
      const file = join(folder, `${name}-${what}.pem`);
      writeFileSync(file, text, { mode: 0o600 });
      return file;
    });
    const [caFile, certFile, keyFile] = files;
    const address = `https://127.0.0.1:${await machine.forward(port)}`;
    return { address, token: managementToken, caFile, certFile, keyFile };
  };
  return { consul: await endpoint("consul", 8501), nomad: await endpoint("nomad", 4646) };
}

describe("the synthesized stack of the preset production", () => {
  let account: TestAwsAccount;
  let image: MachineImage;
  const machines = new Map<string, CloudMachine>();
  const endpoints = new Map<string, ClusterEndpoints>();
  const of = (group: keyof typeof GROUPS) => GROUPS[group].map((address) => machines.get(address) as CloudMachine);
  const api = (engine: "Consul" | "Nomad", address: string) =>
    new EngineApi(engine, (endpoints.get(address) as ClusterEndpoints)[engine === "Consul" ? "consul" : "nomad"]);
  const [server] = GROUPS[SERVERS];
  const [, other] = GROUPS[CLIENTS];

  beforeAll(async () => {
    image = await MachineImage.with("python3-boto3", "systemd-resolved", "docker.io", "iptables");
    account = await cluster.account();
    for (const [group, addresses] of Object.entries(GROUPS)) {
      for (const address of addresses) machines.set(address, await cluster.launch(account, group, address, image));
    }
    await Promise.all([...machines.values()].map((machine) => machine.boot()));
  }, 20 * MINUTE);

  afterAll(async () => {
    await Promise.all([...machines.values()].map((machine) => machine.stop()));
    await account.stop();
    image.remove();
    rmSync(folder, { recursive: true });
  });

  test.each([SERVERS, CLIENTS])("has user data of %s under 16 KiB, which cloud-init takes", async (group) => {
    const userData = cluster.userData(group);
    expect(userData.length).toBeLessThan(16 * 1024);
    const file = join(folder, "user-data");
    writeFileSync(file, gunzipSync(userData));
    expect(await run("cloud-init", ["schema", "--config-file", file])).toExit(0);
    console.log(`User data of ${group}: ${userData.length} bytes.`);
  });

  test("boots machines that find each other by tags, and tell their groups that they are ready", async () => {
    const expected = Object.entries(GROUPS).flatMap(([group, addresses]) =>
      addresses.map(() => ({ role: group, on: group, result: "CONTINUE" })),
    );
    await eventually(() => {
      const completed = account.calls.filter(({ action }) => action === "autoscaling:CompleteLifecycleAction");
      const said = completed.map(({ role, on, result }) => ({ role, on, result }));
      expect(said.sort((a, b) => b.role.localeCompare(a.role))).toEqual(expected);
      return Promise.resolve();
    }, 8 * MINUTE);
  });

  test("runs count-dashboard, whose services reach each other through two sidecars", async () => {
    const { envoy } = of(CLIENTS)[0].engines;
    const archive = join(folder, "images.tar");
    const program = (name: string) => nodeContents(`hashicorpdev/${name}:v3`, join(EXAMPLE, `${name}.mjs`));
    const pause = { ...pauseContents(), name: "registry.k8s.io/pause-amd64:3.3" };
    await writeImageArchive(
      [envoyContents(envoy), pause, program("counter-api"), program("counter-dashboard")],
      archive,
    );
    for (const it of of(CLIENTS)) await succeed(it, "docker", "load", "--quiet", "--input", it.share(archive));
    rmSync(archive);
    for (const [address, machine] of machines) endpoints.set(address, await endpointsOf(account, machine));
    const management = JSON.parse(await account.secret("meshform/production/management")) as { nomad: Engine };
    synthesizeMesh();
    await applyStacks({
      ...{ outDir, stateDir: join(folder, "applied"), endpoints: endpoints.get(server) as ClusterEndpoints },
      ...{ engine: "offline", onProgress: () => undefined },
      // As `meshform connect` sets them.
      variables: {
        nomad_jwks_url: "https://127.0.0.1:4646/.well-known/jwks.json",
        nomad_ca_certificate: management.nomad.ca,
      },
    });
    await eventually(async () => {
      const url = `http://${other}:9002/api`;
      const { output } = await (machines.get(other) as CloudMachine).run("curl", "--silent", "--max-time", "5", url);
      expect(JSON.parse(output)).toMatchObject({ mesh: "reachable", count: expect.any(Number) as number });
    }, 4 * MINUTE);
    const { status, text } = await api("Consul", server).ask("/v1/agent/members", 5000);
    expect({ status, members: (JSON.parse(text) as { Status: number }[]).map(({ Status }) => Status) }).toEqual({
      status: 200,
      members: [1, 1, 1, 1, 1],
    });
  });

  test("uses only what its roles allow", async () => {
    const arns = Object.fromEntries(
      await Promise.all(cluster.secretNames.map(async (name) => [name, await account.secretArn(name)] as const)),
    );
    const arnOf = ({ action, on }: AwsCall) => {
      if (action.startsWith("s3:")) return `arn:aws:s3:::${on}`;
      if (action.startsWith("autoscaling:"))
        return `arn:aws:autoscaling:${REGION}:${ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/${on}`;
      return arns[on] ?? on;
    };
    for (const group of [SERVERS, CLIENTS] as const) {
      const policy = cluster.policy(group, arns);
      const calls = account.calls.filter(({ role }) => role === group);
      expect(calls.length).toBeGreaterThan(0);
      const allowing = (call: AwsCall) => statementsFor(policy, call.action, arnOf(call));
      expect(calls.filter((call) => allowing(call).length === 0)).toEqual([]);
      const used = new Set(calls.flatMap((call) => allowing(call).map(({ Sid }) => Sid)));
      expect(
        policy
          .map(({ Sid }) => Sid)
          .filter((sid) => !used.has(sid))
          .sort(),
      ).toEqual(UNUSED[group]);
    }
    expect([...new Set(account.calls.map(({ role }) => role))].sort()).toEqual([CLIENTS, SERVERS]);
  });
});

/**
 * Statements that these machines do not use. KMS is called by S3 and Secrets Manager on behalf of the caller, which moto does not do; and Session
 * Manager's agent, which is part of AWS's images, is not on these machines.
 */
const UNUSED = {
  [SERVERS]: ["AnswerSessions", "ReadEncrypted", "WriteEncrypted"],
  [CLIENTS]: ["AnswerSessions", "ReadEncrypted"],
};
