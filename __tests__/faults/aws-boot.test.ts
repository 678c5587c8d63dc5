import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { Testing } from "cdktf";
import { ApiGatewayListener, Constraint, HealthCheck, Protocol, Workload } from "../../constructs";
import { HOST_TOOL } from "../../constructs/linux/host-tool/host-tool";
import { applyStacks } from "../../lab/apply";
import { accessVariables } from "../../lab/apply/access-variables";
import { EngineApi, type ClusterEndpoints } from "../../lab/cluster/engine-api";
import { writeImageArchive } from "../../lab/hosts/docker/image-archive";
import { envoyContents, nodeContents, pauseContents } from "../../lab/hosts/docker/lab-images";
import { AccessStack, MeshStack } from "../../stacks";
import {
  ACCOUNT,
  API_ADDRESS,
  BALANCER_ADDRESS,
  type AwsCall,
  type MetricAlarm,
  S3_ADDRESS,
  type TestAwsAccount,
} from "../support/aws-account";
import { SynthesizedAwsCluster } from "../support/aws-cluster";
import { standInForAwsCli } from "../support/aws-cli";
import type { CloudMachine } from "../support/cloud-machine";
import { eventually } from "../support/eventually";
import { statementsFor } from "../support/iam";
import { CLI, run } from "../support/lab";
import { MachineImage } from "../support/machine-image";
import { packetFilter, type SecurityRule, securityRules } from "../support/security-group-filter";
import { loadWhile } from "../support/steady-load";

const MINUTE = 60_000;
jest.setTimeout(10 * MINUTE);

const REGION = "eu-central-1";
const SERVERS = "production-servers";
const CLIENTS = "production-general";
type Group = typeof SERVERS | typeof CLIENTS;
/** Addresses of the machines of each group, the first ones first. */
const GROUPS: Readonly<Record<Group, readonly string[]>> = {
  [SERVERS]: [11, 12, 13, 14, 15, 16, 17, 18, 19, 20].map((it) => `10.99.0.${it}`),
  [CLIENTS]: [21, 22, 23].map((it) => `10.99.0.${it}`),
};
const FIRST = { [SERVERS]: GROUPS[SERVERS].slice(0, 3), [CLIENTS]: GROUPS[CLIENTS].slice(0, 2) };
/** Addresses of servers that replace the first ones. */
const SPARE = GROUPS[SERVERS].slice(3, 6);
const BROKEN = GROUPS[SERVERS][6];
/** Addresses of servers that come when all others are lost. */
const LAST = GROUPS[SERVERS].slice(7);
const EXAMPLE = join(__dirname, "../../examples/count-dashboard");

const folder = mkdtempSync(join(tmpdir(), "meshform-boot-"));
const outDir = join(folder, "cdktf.out");
const progress: string[] = [];
const edge = synthesizeMesh();
const settings = {
  region: REGION,
  preset: "production",
  minClients: 2,
  maxClients: 2,
  hostLogs: true,
  alarmTopicArn: `arn:aws:sns:${REGION}:${ACCOUNT}:alarms`,
} as const;
const cluster = SynthesizedAwsCluster.of(settings, (it) => {
  it.publish(edge, { allowFrom: ["10.99.0.0/24"] });
  it.allowPrometheus();
});
const rules = securityRules(cluster);

/**
 * The access rules, and count-dashboard with each service on a client of its own.
 *
 * @returns the gateway to the dashboard, next to it
 */
function synthesizeMesh() {
  const app = Testing.app({ outdir: outDir });
  const access = new AccessStack(app, "access");
  const { mesh } = new MeshStack(app, "mesh", { runtime: "docker", secure: true, access });
  const on = (address: string) => [Constraint.equals("${attr.unique.network.ip-address}", address)];
  const [, second] = GROUPS[CLIENTS];
  const api = mesh.addService("count-api", {
    ...{ port: 9001, protocol: Protocol.HTTP, healthCheck: HealthCheck.http("/health") },
    constraints: [Constraint.notEquals("${attr.unique.network.ip-address}", second)],
    workload: Workload.docker({ image: "hashicorpdev/counter-api:v3" }),
  });
  const dashboard = mesh.addService("count-dashboard", {
    ...{ port: 9002, protocol: Protocol.HTTP, healthCheck: HealthCheck.http("/health"), constraints: on(second) },
    ...{ publish: 9002, workload: Workload.docker({ image: "hashicorpdev/counter-dashboard:v3" }) },
  });
  dashboard.connectTo(api, { localBindPort: 8080, env: "COUNTING_SERVICE_URL" });
  // Its disk moves with it. On it is which allocation was the first one.
  const script = `const { env } = process;
    try { require("fs").writeFileSync(env.NOMAD_ALLOC_DIR + "/data/first", env.NOMAD_ALLOC_ID, { flag: "wx" }); } catch {}
    setInterval(() => {}, 1e6);`;
  const entrypoint = ["/usr/local/bin/node", "--eval", script];
  mesh.addJob("keeper").addGroup("keeper", {
    ephemeralDisk: { sticky: true, migrate: true, sizeMib: 200 },
    tasks: { keeper: Workload.docker({ image: "hashicorpdev/counter-api:v3", entrypoint }) },
  });
  const edge = mesh.addApiGateway("edge", {
    listeners: [ApiGatewayListener.http({ port: 8080 })],
    constraints: on(second),
  });
  edge.connectTo(dashboard);
  app.synth();
  return edge;
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
  const of = (group: Group) => GROUPS[group].flatMap((address) => machines.get(address) ?? []);
  const api = (engine: "Consul" | "Nomad", address: string) =>
    new EngineApi(engine, (endpoints.get(address) as ClusterEndpoints)[engine === "Consul" ? "consul" : "nomad"]);
  const [server] = GROUPS[SERVERS];
  const [client, other] = GROUPS[CLIENTS];

  /** Adds a machine, behind the security groups of its group. It is not switched on. */
  async function launch(group: Group, address: string, userData?: string): Promise<CloudMachine> {
    const machine = await cluster.launch(account, group, address, image, userData);
    machines.set(address, machine);
    const file = machine.put("filter", packetFilter(rules, group, addressesOf));
    await machine.prepare("iptables-restore", "--wait", "--table=mangle", file);
    return machine;
  }

  /** Adds a machine, and boots it. */
  async function boot(group: Group, address: string, userData?: string): Promise<CloudMachine> {
    const machine = await launch(group, address, userData);
    await machine.boot();
    return machine;
  }

  /** What a group does with a machine that has left, or that it has given up. */
  async function terminate(machine: CloudMachine): Promise<void> {
    await account.terminate(machine.id);
    await machine.powerOff();
    await machine.stop();
    for (const [address, it] of machines) if (it === machine) machines.delete(address);
  }

  beforeAll(async () => {
    image = await MachineImage.with("python3-boto3", "systemd-resolved", "docker.io", "iptables");
    account = await cluster.account();
    for (const group of [SERVERS, CLIENTS] as const) {
      for (const address of FIRST[group]) await launch(group, address);
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
    const expected = Object.entries(FIRST).flatMap(([group, addresses]) =>
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
    for (const it of of(CLIENTS)) await loadImages(it);
    for (const [address, machine] of machines) endpoints.set(address, await endpointsOf(account, machine));
    const management = JSON.parse(await account.secret("meshform/production/management")) as { nomad: Engine };
    await applyStacks({
      ...{ outDir, stateDir: join(folder, "applied"), endpoints: endpoints.get(server) as ClusterEndpoints },
      ...{ engine: "offline", onProgress: (line) => progress.push(line) },
      // As `meshform connect` sets them.
      variables: accessVariables(management.nomad.ca),
    });
    await eventually(everythingWorks, 4 * MINUTE);
  });

  /** Gives a machine the container images. */
  async function loadImages(machine: CloudMachine): Promise<void> {
    const archive = join(image.folder, "images.tar");
    if (!existsSync(archive)) {
      const program = (name: string) => nodeContents(`hashicorpdev/${name}:v3`, join(EXAMPLE, `${name}.mjs`));
      const pause = { ...pauseContents(), name: "registry.k8s.io/pause-amd64:3.3" };
      const envoy = envoyContents(machine.engines.envoy);
      await writeImageArchive([envoy, pause, program("counter-api"), program("counter-dashboard")], archive);
    }
    await succeed(machine, "docker", "load", "--quiet", "--input", machine.share(archive));
  }

  /** What needs each flow of the tables. */
  const NEEDS: Readonly<Record<string, () => Promise<unknown>>> = {
    "consul-rpc": () => answers(api("Consul", client), "/v1/kv/any", 404),
    "consul-gossip": async () => {
      const members = JSON.parse(await answers(api("Consul", server), "/v1/agent/members")) as { Status: number }[];
      expect(members.map(({ Status }) => Status)).toEqual([1, 1, 1, 1, 1]);
    },
    "nomad-rpc": () => answers(api("Nomad", client), "/v1/nodes"),
    "nomad-gossip": async () => {
      const { Members } = JSON.parse(await answers(api("Nomad", server), "/v1/agent/members")) as {
        Members: { Status: string }[];
      };
      expect(Members.map(({ Status }) => Status)).toEqual(["alive", "alive", "alive"]);
    },
    "nomad-migration": async () => {
      const [before, first] = await keeper();
      await api("Nomad", server).post(`/v1/node/${before.NodeID}/eligibility`, { Eligibility: "ineligible" });
      try {
        await api("Nomad", server).post(`/v1/allocation/${before.ID}/stop`, {});
        const kept = await eventually(async () => {
          const [after, content] = await keeper();
          expect(after.NodeID).not.toBe(before.NodeID);
          return content;
        }, 2 * MINUTE);
        expect(kept).toBe(first);
      } finally {
        await api("Nomad", server).post(`/v1/node/${before.NodeID}/eligibility`, { Eligibility: "eligible" });
      }
    },
    services: async () => {
      const url = `http://${other}:9002/api`;
      const { output } = await (machines.get(other) as CloudMachine).run("curl", "--silent", "--max-time", "5", url);
      expect(JSON.parse(output)).toMatchObject(ANSWER);
    },
    "production-edge-8080": async () => {
      expect(JSON.parse(await account.fromLoadBalancer(`http://${other}:8080/api`))).toMatchObject(ANSWER);
    },
    "prometheus-consul": () => scrape("consul", 8501, "/v1/agent/metrics?format=prometheus"),
    "prometheus-nomad": () => scrape("nomad", 4646, "/v1/metrics?format=prometheus"),
    https: () => fetches(`https://secretsmanager.${REGION}.amazonaws.com/`),
    http: () => fetches(`http://${API_ADDRESS}/`),
    s3: () => fetches(`https://s3.${REGION}.amazonaws.com/`),
  };

  /** All but moving a disk, which takes longest. */
  const everythingWorks = async () => {
    for (const [flow, needed] of Object.entries(NEEDS)) if (flow !== "nomad-migration") await needed();
  };

  async function answers(engine: EngineApi, path: string, expected = 200): Promise<string> {
    const { status, text } = await engine.ask(path, 5000);
    expect({ status, text }).toMatchObject({ status: expected });
    return text;
  }

  async function fetches(url: string): Promise<void> {
    for (const group of [SERVERS, CLIENTS] as const) {
      await succeed(of(group)[0], "curl", "--silent", "--output", "/dev/null", "--max-time", "5", url);
    }
  }

  /** Reads metrics of a server from a client, with what the secret store has for a Prometheus. */
  async function scrape(engine: "consul" | "nomad", port: number, path: string): Promise<void> {
    const document = JSON.parse(await account.secret("meshform/production/prometheus")) as Scraper;
    const { ca, certificate, key } = document[engine];
    const machine = machines.get(other) as CloudMachine;
    const [caFile, certFile, keyFile] = Object.entries({ ca, certificate, key }).map(([name, text]) =>
      machine.put(`scraper-${engine}-${name}.pem`, text),
    );
    // Neither the token nor a path of keys is an argument that other processes see.
    const config = machine.put(
      "scraper.conf",
      [
        ...[`cacert = ${caFile}`, `cert = ${certFile}`, `key = ${keyFile}`],
        `header = "X-Consul-Token: ${document.tokens.prometheus}"`,
      ].join("\n"),
    );
    const address = GROUPS[SERVERS].find((it) => machines.has(it));
    const target = ["--resolve", `localhost:${port}:${address}`, `https://localhost:${port}${path}`];
    const metrics = await succeed(
      machine,
      "curl",
      "--silent",
      "--fail",
      "--max-time",
      "5",
      "--config",
      config,
      ...target,
    );
    expect(metrics).toContain(`# TYPE ${engine}_`);
  }

  /** The allocation with a disk that moves, and which one was the first on that disk. */
  async function keeper() {
    const nomad = api("Nomad", server);
    const all = JSON.parse(await answers(nomad, "/v1/job/keeper/allocations")) as Allocation[];
    const running = all.filter(
      ({ ClientStatus, DesiredStatus }) => ClientStatus === "running" && DesiredStatus === "run",
    );
    expect(running).toHaveLength(1);
    return [running[0], await answers(nomad, `/v1/client/fs/cat/${running[0].ID}?path=alloc/data/first`)] as const;
  }

  /** The addresses at the other end of a rule. */
  function addressesOf(peer: SecurityRule["peer"]): readonly string[] {
    if (peer === "S3") return [S3_ADDRESS];
    if (peer === "load balancer") return [BALANCER_ADDRESS];
    if ("cidr" in peer) return [peer.cidr];
    return peer.machines.flatMap((group) => GROUPS[group as Group]);
  }

  /** Sets the packet filters of all machines. */
  async function filter(...without: readonly string[]): Promise<void> {
    await Promise.all(
      ([SERVERS, CLIENTS] as const).flatMap((group) =>
        of(group).map(async (machine) => {
          const file = machine.put("filter", packetFilter(rules, group, addressesOf, without));
          await succeed(machine, "iptables-restore", "--wait", "--table=mangle", file);
        }),
      ),
    );
  }

  test("does so behind its own security groups, as packet filters that drop everything else, since it boots", async () => {
    await NEEDS["nomad-migration"]();
    // Port 22 is open nowhere, and those of the page and of its gateway are open to none of these machines.
    for (const port of [22, 8080, 9002]) {
      const url = `http://${other}:${port}/`;
      const dropped = await (machines.get(client) as CloudMachine).run("curl", "--silent", "--max-time", "3", url);
      expect(dropped).toExit(28);
    }
  });

  test("needs each flow that the security groups have", () => {
    expect(Object.keys(NEEDS).sort()).toEqual([...new Set(rules.map(({ flow }) => flow))].sort());
  });

  // The last ones are those from which a cluster takes longest to recover.
  test.each([
    "services",
    "production-edge-8080",
    "prometheus-consul",
    "prometheus-nomad",
    "https",
    "http",
    "s3",
    "nomad-migration",
    "consul-rpc",
    "nomad-rpc",
    "nomad-gossip",
    "consul-gossip",
  ])("fails without the flow %s", async (flow) => {
    // With access to the internet, S3 can be reached all the same.
    const others = flow === "s3" ? ["https"] : [];
    await filter(...others);
    await eventually(NEEDS[flow], MINUTE);
    await filter(flow, ...others);
    await eventually(() => expect(NEEDS[flow]()).rejects.toThrow(), 2 * MINUTE);
    await filter();
    await eventually(everythingWorks, 4 * MINUTE);
  });

  test.each([SERVERS, CLIENTS] as const)("has agents of %s that listen on no other port", async (group) => {
    const named = rules.filter(({ direction, machines }) => direction === "in" && machines.includes(group));
    const isNamed = (protocol: string, port: number) =>
      named.some(({ protocol: it, ports: [first, last] }) => it === protocol && first <= port && port <= last);
    for (const machine of of(group)) {
      const lines = (await succeed(machine, "ss", "-Hlntup")).trim().split("\n");
      const sockets = lines.flatMap((line) => {
        const [protocol, , , , local, , users = ""] = line.split(/\s+/);
        const [, program = ""] = /\(\("(consul|nomad|envoy|docker[^"]*|containerd)"/.exec(users) ?? [];
        const [, address = "", port] = /^(.*):(\d+)$/.exec(local) ?? [];
        const isLocal = /^(127\.|\[::1\]|169\.254\.)/.test(address);
        return program === "" || isLocal ? [] : [{ program, protocol, port: Number(port) }];
      });
      expect(sockets).toContainEqual({ program: "consul", protocol: "tcp", port: 8301 });
      const unnamed = sockets.filter(({ protocol, port }) => !isNamed(protocol, port));
      expect(unnamed.sort((a, b) => a.port - b.port)).toEqual(group === SERVERS ? UNNAMED : []);
    }
  });

  /** The results with which a machine has completed hooks. */
  function hooksOf({ id }: CloudMachine): (string | undefined)[] {
    return account.calls.filter(({ instance }) => instance === id).map(({ result }) => result);
  }

  async function hasCompleted(machine: CloudMachine, results: readonly string[]): Promise<void> {
    await eventually(() => {
      expect(hooksOf(machine)).toEqual(results);
      return Promise.resolve();
    }, 5 * MINUTE);
  }

  /** Asks the dashboard once. */
  async function callsOfDashboard(): Promise<() => Promise<number>> {
    const url = `http://127.0.0.1:${await (machines.get(other) as CloudMachine).forward(9002, other)}/api`;
    return async () => (await fetch(url, { signal: AbortSignal.timeout(10_000) })).status;
  }

  test("gives up the first machine of a launch template that cannot boot, and nothing else changes", async () => {
    const peers = () => answers(api("Consul", client), "/v1/status/peers");
    const before = await peers();
    const userData = gunzipSync(cluster.userData(SERVERS)).toString();
    const broken = userData.replaceAll(/[0-9a-f]{64}/g, "0".repeat(64));
    expect(broken).not.toBe(userData);
    const added = await boot(SERVERS, BROKEN, gzipSync(broken).toString("base64"));
    await eventually(async () => {
      expect((await added.run("cloud-init", "status")).output).toContain("status: error");
    }, 5 * MINUTE);
    expect(await succeed(added, "journalctl", "--no-pager")).toContain("Given up after 5 attempts: fetch_asset 000");
    // So its launch hook times out, and the group terminates it.
    expect(hooksOf(added)).toEqual([]);
    await terminate(added);
    expect(await peers()).toBe(before);
    await eventually(everythingWorks, MINUTE);
  });

  test(
    "replaces its servers one by one, as an instance refresh of its group does",
    async () => {
      const voters: number[] = [];
      const consul = api("Consul", client);
      const asks = {
        voters: async () => {
          const { Servers } = JSON.parse(await answers(consul, "/v1/operator/raft/configuration")) as {
            Servers: { Voter: boolean }[];
          };
          return voters.push(Servers.filter(({ Voter }) => Voter).length);
        },
        writes: async () => {
          await consul.put("/v1/kv/written", Date.now());
          return 200;
        },
        calls: await callsOfDashboard(),
      };
      const took: number[] = [];
      const replaceAll = async () => {
        for (const [index, address] of SPARE.entries()) {
          const began = Date.now();
          const old = machines.get(FIRST[SERVERS][index]) as CloudMachine;
          const added = await boot(SERVERS, address);
          // The group removes a machine when the new one has called itself ready, and waits until the old one has left.
          await hasCompleted(added, ["CONTINUE"]);
          old.tell("autoscaling/target-lifecycle-state", "Terminated");
          await hasCompleted(old, ["CONTINUE", "CONTINUE"]);
          await terminate(old);
          took.push(Math.round((Date.now() - began) / 1000));
        }
      };
      const { writes, calls } = await loadWhile(asks, replaceAll, { pauseMs: 100 });
      console.log(
        `Replaced in ${took.join(", ")} s. Writes: ${writes.sent}, failed: ${writes.failed}. Calls: ${calls.sent}.`,
      );
      expect(voters.length).toBeGreaterThan(SPARE.length);
      expect(Math.min(...voters)).toBeGreaterThanOrEqual(3);
      expect(calls.answers.filter((it) => it !== 200)).toEqual([]);
      // At most one election for each server.
      expect(streaks(writes.answers)).toBeLessThanOrEqual(SPARE.length);
    },
    30 * MINUTE,
  );

  /** The running allocations of a job that are healthy, by the id of their node. */
  async function running(job: string): Promise<Allocation[]> {
    const all = JSON.parse(await answers(api("Nomad", other), `/v1/job/${job}/allocations`)) as Allocation[];
    return all.filter(
      ({ ClientStatus, DesiredStatus, DeploymentStatus }) =>
        ClientStatus === "running" && DesiredStatus === "run" && DeploymentStatus?.Healthy !== false,
    );
  }

  test("drains a client that gets a notice of its interruption, and loses no request", async () => {
    const old = machines.get(client) as CloudMachine;
    const added = await boot(CLIENTS, GROUPS[CLIENTS][2]);
    await hasCompleted(added, ["CONTINUE"]);
    await loadImages(added);
    await api("Nomad", other).post("/v1/job/count-api/scale", { Count: 2, Target: { Group: "count-api" } });
    await eventually(async () =>
      expect(new Set((await running("count-api")).map(({ NodeID }) => NodeID)).size).toBe(2),
    );
    await eventually(async () => {
      const passing = await answers(api("Consul", other), "/v1/health/connect/count-api?passing");
      expect(JSON.parse(passing)).toHaveLength(2);
    }, MINUTE);
    const nodeOfAdded = await nodeAt(GROUPS[CLIENTS][2]);
    const began = Date.now();
    let seconds = 0;
    const drain = async () => {
      const time = new Date(began + 120_000).toISOString().replace(/\.\d+Z$/, "Z");
      old.tell("spot/instance-action", JSON.stringify({ action: "terminate", time }));
      await eventually(async () => {
        const nodes = (await running("count-api")).map(({ NodeID }) => NodeID);
        expect(nodes).toEqual([nodeOfAdded, nodeOfAdded]);
      }, 2 * MINUTE);
      old.tell("autoscaling/target-lifecycle-state", "Terminated");
      await hasCompleted(old, ["CONTINUE", "CONTINUE"]);
      seconds = Math.round((Date.now() - began) / 1000);
      await terminate(old);
    };
    const { calls } = await loadWhile({ calls: await callsOfDashboard() }, drain, { pauseMs: 100 });
    console.log(`Drained in ${seconds} s. Calls: ${calls.sent}, failed: ${calls.failed}.`);
    expect(calls.answers.filter((it) => it !== 200)).toEqual([]);
    expect(account.calls.filter(({ instance }) => instance === old.id)).toMatchObject([
      { role: CLIENTS, on: CLIENTS },
      { role: CLIENTS, on: CLIENTS, status: 200 },
    ]);
  });

  async function nodeAt(address: string): Promise<string> {
    const nodes = JSON.parse(await answers(api("Nomad", other), "/v1/nodes")) as { ID: string; Address: string }[];
    return nodes.find(({ Address }) => Address === address)?.ID ?? "";
  }

  test(
    "recovers from the newest snapshot in its bucket when all servers are lost, and is empty at no time",
    async () => {
      const [consul, nomad] = [api("Consul", other), api("Nomad", other)];
      const accessors = async () =>
        (JSON.parse(await answers(consul, "/v1/acl/tokens")) as { AccessorID: string }[]).map((it) => it.AccessorID);
      const lost = of(SERVERS);
      await consul.put("/v1/kv/kept", "until the end");
      // Their timers save one every 15 minutes.
      await succeed(lost[0], HOST_TOOL, "snapshot", "--force");
      const tokens = await accessors();
      const began = Date.now();
      const since = () => Math.round((Date.now() - began) / 1000);
      const asks = {
        kept: async () => (await consul.ask("/v1/kv/kept", 2000)).status,
        job: async () => (await nomad.ask("/v1/job/count-api", 2000)).status,
        calls: await callsOfDashboard(),
      };
      const recover = async () => {
        for (const machine of lost) await terminate(machine);
        for (const address of LAST) await launch(SERVERS, address);
        const added = of(SERVERS);
        await Promise.all(added.map((machine) => machine.boot()));
        const booted = since();
        await Promise.all(added.map((machine) => hasCompleted(machine, ["CONTINUE"])));
        const ready = since();
        await eventually(everythingOfClients, 2 * MINUTE);
        console.log(
          `All servers lost: new ones booted after ${booted} s, ready after ${ready} s, all works after ${since()} s.`,
        );
      };
      const { kept, job, calls } = await loadWhile(asks, recover, { pauseMs: 500 });
      console.log(`Meanwhile: calls ${calls.sent}, failed ${calls.failed}.`);
      expect(calls.answers.filter((it) => it !== 200)).toEqual([]);
      // Clients get no answer, or what there was.
      expect([...kept.answers, ...job.answers]).not.toContain(404);
      expect(kept.answers.at(-1)).toBe(200);
      expect(JSON.parse(await answers(consul, "/v1/kv/kept?raw"))).toBe("until the end");
      expect(await accessors()).toEqual(expect.arrayContaining(tokens));
      // A new allocation logs in with its identity, whose keys and whose auth method are those of before.
      const all = await running("count-api");
      const [before] = all;
      await nomad.post(`/v1/allocation/${before.ID}/stop`, {});
      await eventually(async () => {
        const now = (await running("count-api")).map(({ ID }) => ID);
        expect(now).toHaveLength(all.length);
        expect(now).not.toContain(before.ID);
      }, 2 * MINUTE);
      await eventually(everythingOfClients, 2 * MINUTE);
    },
    20 * MINUTE,
  );

  /** What needs servers and both services. */
  async function everythingOfClients(): Promise<void> {
    await answers(api("Consul", other), "/v1/status/leader");
    await answers(api("Nomad", other), "/v1/status/leader");
    for (const flow of ["services", "production-edge-8080", "prometheus-consul", "prometheus-nomad"])
      await NEEDS[flow]();
  }

  test("has put what its alarms watch, none of which is wrong any more", async () => {
    const alarms = (cluster.all("aws_cloudwatch_metric_alarm") as unknown as MetricAlarm[]).filter(
      ({ namespace }) => namespace === "Meshform/production",
    );
    expect(alarms.map((it) => it.metric_name).sort()).toEqual([
      ...["CertificateDaysLeft", "CertificateDaysLeft", "FailureTolerance", "FailureTolerance"],
      ...["SnapshotAgeSeconds", "SnapshotAgeSeconds"],
    ]);
    await eventually(async () => {
      for (const alarm of alarms) {
        const { alarm_name, comparison_operator, threshold } = alarm;
        const value = (await account.watchedBy(alarm)).at(-1);
        const isWrong =
          value === undefined || (comparison_operator === "LessThanThreshold" ? value < threshold : value > threshold);
        expect({ alarm_name, value, isWrong }).toEqual({ alarm_name, value, isWrong: false });
      }
    }, 5 * MINUTE);
  });

  test("has sent the journals of its machines, each to its own stream", async () => {
    await eventually(async () => {
      // The name of a host begins with the id of its machine.
      const logs = Object.entries(await account.logs(LOG_GROUP));
      const said = ({ id }: CloudMachine) => logs.find(([stream]) => stream.startsWith(`${id}-`))?.[1];
      const sent = [...machines].map(([address, it]) => [address, said(it)?.includes("Hook meshform-ready of ")]);
      expect(sent).toEqual([...machines.keys()].map((address) => [address, true]));
    }, MINUTE);
  });

  test("lets people connect to it, who run commands with its tokens", async () => {
    const [machine] = of(SERVERS);
    const management = await account.secret("meshform/production/management");
    const ports = { 8501: await machine.forward(8501), 4646: await machine.forward(4646) };
    const cli = join(image.folder, "aws-cli");
    const { PATH } = standInForAwsCli(cli, { [REGION]: { cluster: "production", management, ports } });
    const { consul, nomad } = machine.engines;
    const env = { PATH: [dirname(consul.path), dirname(nomad.path), PATH].join(delimiter) };
    const script = "consul operator raft list-peers && nomad server members";
    const connect = [CLI, "connect", "--cluster", "production", "--region", REGION];
    const { code, output } = await run(process.execPath, [...connect, "--", "sh", "-c", script], { env });
    expect({ code, output }).toExit(0);
    expect(output.match(/leader|follower/g)).toHaveLength(3);
    expect(output.match(/alive/g)).toHaveLength(3);
  });

  test("shows no secret in its output, in logs or in lists of processes", async () => {
    const secrets = (await Promise.all(cluster.secretNames.map((name) => account.secret(name)))).flatMap((document) =>
      secretsIn(JSON.parse(document)),
    );
    expect(secrets.length).toBeGreaterThan(10);
    const seen = await Promise.all(
      [...machines].map(async ([address, machine]) => {
        const script = `journalctl --output=export --no-pager; find /var/log /var/lib/cloud /run/cloud-init -type f -exec cat {} +
          for it in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < "$it"; done`;
        return [address, await succeed(machine, "sh", "-c", script)] as const;
      }),
    );
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((it) => it.isFile() && !it.name.endsWith(".pem"))
      .map((it) => join(it.parentPath, it.name));
    const places = [
      ...[
        ...seen,
        ...Object.entries(await account.logs(LOG_GROUP)),
        ["progress", progress.join("\n")],
        ["stack", JSON.stringify(cluster.stack)],
      ],
      ...[SERVERS, CLIENTS].map((group) => [group, gunzipSync(cluster.userData(group)).toString()]),
      ...files.map((file) => [file, readFileSync(file, "latin1")]),
    ];
    for (const [place, text] of places) {
      expect({ place, shown: secrets.filter(([, secret]) => text.includes(secret)).map(([path]) => path) }).toEqual({
        place,
        shown: [],
      });
    }
  });

  test("uses only what its roles allow", async () => {
    const arns = Object.fromEntries(
      await Promise.all(cluster.secretNames.map(async (name) => [name, await account.secretArn(name)] as const)),
    );
    const arnOf = ({ action, on }: AwsCall) => {
      if (action.startsWith("s3:")) return `arn:aws:s3:::${on}`;
      if (action.startsWith("logs:")) return `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${on}`;
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

/** A port of servers that is in no table, so that no machine of the cluster reaches it: Consul's gRPC, for mesh gateways only. */
const UNNAMED = [{ program: "consul", protocol: "tcp", port: 8503 }];

/** How often it began to fail. */
function streaks(answers: readonly (number | string)[]): number {
  return answers.filter((it, index) => it !== 200 && (answers[index - 1] ?? 200) === 200).length;
}

/** What the dashboard answers when it reaches the API. */
const ANSWER = { mesh: "reachable", count: expect.any(Number) as number };

const LOG_GROUP = "/meshform/production/hosts";

type Scraper = Readonly<Record<"consul" | "nomad", Omit<Engine, "managementToken">>> & {
  readonly tokens: { readonly prometheus: string };
};

interface Allocation {
  readonly ID: string;
  readonly DeploymentStatus?: { readonly Healthy?: boolean };
  readonly NodeID: string;
  readonly ClientStatus: string;
  readonly DesiredStatus: string;
}

/** Keys, tokens and private keys in a document of the secret store, each with where it is. The name of a host is none. */
function secretsIn(value: unknown, path = ""): [string, string][] {
  if (path.endsWith(".restorer.host")) return [];
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([name, it]) => secretsIn(it, `${path}.${name}`));
  }
  if (typeof value !== "string" || value.length < 16 || value.includes("BEGIN CERTIFICATE")) return [];
  const [, line = value] = /BEGIN [A-Z ]*PRIVATE KEY-----\n(.*)\n/.exec(value) ?? [];
  return [[path, line]];
}

/**
 * Statements that these machines do not use. KMS is called by S3 and Secrets Manager on behalf of the caller, which moto does not do; and Session
 * Manager's agent, which is part of AWS's images, is not on these machines.
 */
const UNUSED = {
  [SERVERS]: ["AnswerSessions", "ReadEncrypted", "WriteEncrypted"],
  [CLIENTS]: ["AnswerSessions", "ReadEncrypted"],
};
