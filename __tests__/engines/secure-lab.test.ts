import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CheckReport } from "../../cli/check";
import { HOST_TOOL } from "../../constructs/linux/host-tool/host-tool";
import { LabFiles } from "../../lab/core/lab-files";
import { kill } from "../../lab/machine/processes";
import { expectHealthy } from "../support/consul-agents";
import { eventually } from "../support/eventually";
import { documentsIn } from "../support/host-tool";
import { run, TestLab, type Outcome } from "../support/lab";
import { agentOf, initOf, powerOff, votersOf } from "../support/lab-hosts";
import { newTraces, traces } from "../support/machine";
import { loadWhile as steadyLoad } from "../support/steady-load";

const MINUTE = 60_000;
jest.setTimeout(3 * MINUTE);
const app = join(__dirname, "apps", "shop.ts");
const lab = new TestLab(`secure-${process.pid}`, app);
const files = new LabFiles(lab.name);
const servers = ["server-1", "server-2", "server-3"];
const clients = ["client-1", "client-2"];

let before: Record<string, string[]>;
/** Every command line that was seen on the machine while the lab ran. */
const commandLines = new Set<string>();
/** How often each process was looked at. */
let looks = new Map<string, number>();
const watching = setInterval(() => {
  const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  looks = new Map(pids.map((pid) => [pid, (looks.get(pid) ?? 0) + 1]));
  // A process may become another program later: a shell that waits for something first. That one then runs for long.
  for (const [pid] of [...looks].filter(([, times]) => times <= 5 || times % 10 === 0)) {
    try {
      commandLines.add(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
    } catch {
      // It has just ended.
    }
  }
}, 100);

beforeAll(async () => {
  before = await traces([lab.name]);
  await lab.mustUp("guarded", "--secure");
}, 10 * MINUTE);

afterAll(async () => {
  clearInterval(watching);
  await lab.down();
}, MINUTE);

/** A request of the dashboard to the API; by the stranger on request. */
async function ask(who = "count-dashboard"): Promise<number> {
  const response = await fetch(`${lab.url(who)}/api`, { signal: AbortSignal.timeout(5_000) });
  await response.text();
  return response.status;
}

/** What requests answer while something happens, and until there have been enough of them to show a failure. */
async function loadWhile(action: () => Promise<void>): Promise<readonly (number | string)[]> {
  let answered = 0;
  const count = () => ask().finally(() => answered++);
  const actAndGoOn = async () => {
    await action();
    await eventually(async () => {
      await Promise.resolve();
      expect(answered).toBeGreaterThan(50);
    });
  };
  const { dashboard } = await steadyLoad({ dashboard: count }, actAndGoOn, { marginMs: 0 });
  return dashboard.answers;
}

function rows({ output }: Outcome, pattern: RegExp): number {
  return output.split("\n").filter((line) => pattern.test(line)).length;
}

async function leaderOf(engine: "Consul" | "Nomad"): Promise<string> {
  const address = await lab.api<string>(engine, "/v1/status/leader");
  const last = Number(/^10\.200\.0\.(\d+):/.exec(address)?.[1]);
  return servers[last - 10];
}

/** What somebody without a token is told. */
async function refusal(engine: "Consul" | "Nomad", path: string, method: string, body?: unknown): Promise<string> {
  const answer = await lab.api(engine, path, method, body, "").then(
    (allowed) => `allowed: ${JSON.stringify(allowed)}`,
    (error: unknown) => String(error),
  );
  // A leader closes the connection on which it refuses a snapshot, at times before the server that was asked has read the reason.
  return answer.includes("failed to decode response: read tcp") ? refusal(engine, path, method, body) : answer;
}

describe("three servers and two clients", () => {
  test("know each other", async () => {
    const consul = await lab.onHost("client-1", "consul", "members");
    expect([rows(consul, /alive\s+server/), rows(consul, /alive\s+client/)]).toEqual([3, 2]);
    expect(rows(await lab.onHost("server-1", "nomad", "server", "members"), /alive/)).toBe(3);
    expect(rows(await lab.onHost("server-2", "nomad", "node", "status"), /ready/)).toBe(2);
  });

  test("know that they are ready, as up does", async () => {
    for (const host of [...servers, ...clients]) {
      expect(await lab.onHost(host, HOST_TOOL, "ready")).toExit(0);
    }
    const { output } = await lab.onHost("client-1", HOST_TOOL, "status", "--json");
    expect(JSON.parse(output)).toMatchObject({
      ...{ node: "client-1", roles: ["consul-client", "nomad-client"], left: false, ready: true },
      parts: ["boot", "consul-client", "nomad-client", "consul-grpc"].map((name) => ({ name, ready: true })),
    });
  });

  test("are a cluster in which check finds nothing wrong, and of which it sees everything", async () => {
    const outcome = await lab.meshform(["check", "--json"]);
    expect(outcome).toExit(0);
    const [report] = (JSON.parse(outcome.output) as CheckReport).clusters;
    expect(report.findings.filter(({ level }) => level !== "note")).toEqual([]);
    expect(report.checked).toEqual(expect.arrayContaining(["workload-identity", "grpc-port", "sidecar-checks"]));
  });

  test("count through two sidecars, with tokens from their jobs' own identities", async () => {
    await eventually(async () => {
      expect(await ask()).toBe(200);
      expect(await ask("stranger")).toBe(403);
    });
    const tokens = await lab.api<{ AuthMethod?: string; ServiceIdentities?: { ServiceName: string }[] }[]>(
      "Consul",
      "/v1/acl/tokens",
    );
    const identities = tokens
      .filter(({ AuthMethod }) => AuthMethod === "nomad-workloads")
      .flatMap(({ ServiceIdentities = [] }) => ServiceIdentities.map(({ ServiceName }) => ServiceName));
    expect(new Set(identities)).toEqual(new Set(["count-api", "count-dashboard", "stranger"]));
  });

  test("have keys that no other host has, and that are not in the store", async () => {
    const paths = ["/etc/consul.d/tls/agent", "/etc/nomad.d/tls/agent", "/etc/nomad.d/tls/consul"];
    await eventually(async () => {
      const outputs = await Promise.all(
        [...servers, ...clients].map((host) => lab.onHost(host, "cat", ...paths.map((path) => `${path}-key.pem`))),
      );
      const keys = outputs.flatMap(({ output }) => output.match(/-----BEGIN [^]*?-----END .*\n/g) ?? []);
      expect(new Set(keys).size).toBe(15);
      expect(secretsFound(keys.join(""), secretsIn(documentsIn(files.secrets("dc1"))))).toEqual([]);
    }, MINUTE);
  });
});

describe("who shows no token", () => {
  test("may read services and nodes", async () => {
    const services = await lab.api<object>("Consul", "/v1/catalog/services", "GET", undefined, "");
    expect(Object.keys(services)).toEqual(expect.arrayContaining(["count-api", "count-dashboard"]));
    const nodes = await lab.api<{ Node: string }[]>("Consul", "/v1/catalog/nodes", "GET", undefined, "");
    expect(nodes.map(({ Node }) => Node).sort()).toEqual([...clients, ...servers]);
  });

  test("finds services by DNS on the host's own agent", async () => {
    const { output } = await lab.onHost("client-2", "getent", "ahostsv4", "count-api.service.consul");
    const addresses = [...output.matchAll(/^(\S+) +STREAM/gm)].map(([, address]) => address);
    expect(addresses.sort()).toEqual(["10.200.1.1", "10.200.1.2"]);
  });

  test.each<[engine: "Consul" | "Nomad", path: string, method: string, body?: unknown]>([
    ["Consul", "/v1/kv/a", "GET"],
    ["Consul", "/v1/kv/a", "PUT", "1"],
    ["Consul", "/v1/acl/tokens", "GET"],
    ["Consul", "/v1/acl/policies", "GET"],
    ["Consul", "/v1/config/service-intentions/count-api", "GET"],
    ["Consul", "/v1/config", "PUT", { Kind: "service-defaults", Name: "x", Protocol: "http" }],
    ["Consul", "/v1/connect/ca/configuration", "GET"],
    ["Consul", "/v1/operator/raft/configuration", "GET"],
    ["Consul", "/v1/operator/keyring", "GET"],
    ["Consul", "/v1/session/create", "PUT", {}],
    ["Consul", "/v1/snapshot", "GET"],
    ["Consul", "/v1/agent/service/register", "PUT", { Name: "x" }],
    ["Consul", "/v1/catalog/register", "PUT", { Node: "x", Address: "10.0.0.1" }],
    ["Nomad", "/v1/jobs", "GET"],
    ["Nomad", "/v1/nodes", "GET"],
    ["Nomad", "/v1/acl/tokens", "GET"],
    ["Nomad", "/v1/operator/raft/configuration", "GET"],
  ])("may not: %s %s (%s)", async (...request) => {
    expect(await refusal(...request)).toMatch(/with 403/);
  });
});

describe("the proxies' gRPC", () => {
  const inspect = (host: string, port: number, ca: string) =>
    lab.onHost(
      host,
      "node",
      "-e",
      `const s = require("tls").connect({ host: "127.0.0.1", port: ${port}, ca: require("fs").readFileSync("${ca}"), servername: "localhost", ALPNProtocols: ["h2"] });
       s.on("secureConnect", () => { console.log(s.getPeerCertificate().issuer.CN); process.exit(0); });
       s.on("error", (error) => { console.log(error.code); process.exit(1); });`,
    );

  test.each([...servers, ...clients])(
    "is closed in plain text and open with the cluster's certificate on %s",
    async (host) => {
      expect(await inspect(host, 8503, "/etc/consul.d/tls/ca.pem")).toMatchObject({
        code: 0,
        output: expect.stringContaining("Consul") as string,
      });
      expect(await inspect(host, 8503, "/etc/nomad.d/tls/ca.pem")).toExit(1);
      for (const plaintext of [8500, 8502]) {
        expect(await inspect(host, plaintext, "/etc/consul.d/tls/ca.pem")).toMatchObject({
          code: 1,
          output: "ECONNREFUSED\n",
        });
      }
    },
  );
});

describe("a client host", () => {
  test("is shown its own part of the secret store, and no other lab's or host's files", async () => {
    const { output } = await lab.onHost("client-1", "find", "/var/lib/meshform", "-mindepth", "1");
    expect(output.trim().split("\n").sort()).toEqual(
      ["secret-store", "secret-store/client", "secret-store/client/client.json"].map((it) => `/var/lib/meshform/${it}`),
    );
  });

  test("has nothing in its files that is only the servers', nor in the environment of commands on it", async () => {
    const { cluster, client } = documentsIn(files.secrets("dc1"));
    const known = secretsIn(client);
    const serversOnly = secretsIn(cluster).filter((secret) => !known.includes(secret));
    expect(serversOnly.length).toBeGreaterThan(6);
    const patterns = join(files.folder, "servers-only");
    writeFileSync(patterns, serversOnly.join("\n"), { mode: 0o600 });
    const root = `/proc/${initOf(lab, "client-1").pid}/root`;
    const own = ["etc/consul.d", "etc/nomad.d", "etc/meshform", "opt/consul", "opt/nomad", "run/meshform/host"];
    const folders = [...own, "var/lib/meshform"].map((folder) => `${root}/${folder}`);
    const search = (...where: string[]) =>
      run("grep", ["-rlsF", "--devices=skip", "--exclude-dir=alloc", "-f", patterns, ...where]);
    expect(await search(files.secrets("dc1"))).toExit(0);
    const found = await search(...folders);
    rmSync(patterns);
    expect(found.output).toBe("");

    const { output } = await lab.onHost("client-1", "env");
    expect(
      secretsFound(
        output,
        serversOnly.filter((secret) => secret !== operatorToken()),
      ),
    ).toEqual([]);
    expect(output).toContain(`CONSUL_HTTP_TOKEN=${operatorToken()}\n`);
    expect(output).not.toContain("NOMAD_TOKEN");
  });
});

function operatorToken(): string {
  return (documentsIn(files.secrets("dc1")).operator as { tokens: { operator: string } }).tokens.operator;
}

/** Each would wait for a metadata service that is not there. */
const cloudFingerprinters = "env_aws,env_gce,env_azure,env_digitalocean";

/**
 * An agent that nobody invited, on a client host: what it says in its first seconds. It ends two seconds after it has said
 * what is expected, time for another attempt, and in any case after twelve.
 */
async function intrude(
  agent: "consul" | "nomad",
  config: object,
  gossip: "the right gossip key" | "no gossip key",
  expected?: RegExp,
) {
  const script = `
    const { execFileSync, spawn } = require("child_process");
    const { readFileSync, mkdtempSync, writeFileSync } = require("fs");
    const folder = mkdtempSync("/tmp/intruder-");
    const { encrypt } = JSON.parse(readFileSync("/etc/consul.d/secrets.json"));
    const config = { data_dir: folder + "/data", ...${JSON.stringify(config)} };
    if (${String(gossip === "the right gossip key")}) config.encrypt = encrypt;
    execFileSync("consul", ["tls", "ca", "create"], { cwd: folder });
    execFileSync("consul", ["tls", "cert", "create", "-server"], { cwd: folder });
    writeFileSync(folder + "/config.json", JSON.stringify(config).replaceAll("@", folder));
    const option = "${agent}" === "consul" ? "-config-file=" : "-config=";
    const intruder = spawn("${agent}", ["agent", option + folder + "/config.json"]);
    const end = () => intruder.kill("SIGKILL");
    const limit = setTimeout(end, 12000);
    let said = "";
    const hear = (part) => {
      said += part;
      if (${String(expected)}?.test(said)) setTimeout(end, 2000).unref();
    };
    for (const stream of [intruder.stdout, intruder.stderr]) stream.on("data", hear);
    intruder.on("close", () => {
      clearTimeout(limit);
      console.log(said);
    });`;
  return (await lab.onHost("client-1", "node", "-e", script)).output;
}

describe("an agent that nobody invited", () => {
  const consul = {
    node_name: "intruder",
    bind_addr: "10.200.1.1",
    retry_join: ["10.200.0.10:8301"],
    retry_interval: "1s",
    ports: { serf_lan: 9301, serf_wan: -1, server: 9300, http: 9500, https: -1, dns: -1, grpc: -1, grpc_tls: -1 },
  };
  const tls = (ca: string, cert: string, key: string) => ({
    tls: {
      defaults: { ca_file: ca, cert_file: cert, key_file: key, verify_incoming: true, verify_outgoing: true },
      internal_rpc: { verify_server_hostname: true },
    },
  });
  const notJoined = /is encrypted|failed to join|Couldn't join/i;
  const members = async () =>
    (await lab.api<{ Name: string }[]>("Consul", "/v1/agent/members")).map(({ Name }) => Name);

  afterAll(async () => {
    await lab.onHost("server-1", "consul", "force-leave", "-prune", "intruder");
  });

  test("does not get into Consul's gossip without the key", async () => {
    expect(await intrude("consul", consul, "no gossip key", notJoined)).toMatch(notJoined);
    expect(await members()).not.toContain("intruder");
  });

  test("gets no answer from Consul's servers with a certificate of somebody else", async () => {
    const strangers = tls("@/consul-agent-ca.pem", "@/dc1-server-consul-0.pem", "@/dc1-server-consul-0-key.pem");
    const refused = /certificate signed by unknown authority|bad certificate|unknown certificate/;
    expect(await intrude("consul", { ...consul, ...strangers }, "the right gossip key", refused)).toMatch(refused);
  });

  test("is no Consul server with a client's certificate: none talks to it", async () => {
    const clients = tls("/etc/consul.d/tls/ca.pem", "/etc/consul.d/tls/agent.pem", "/etc/consul.d/tls/agent-key.pem");
    await intrude("consul", { ...consul, ...clients, server: true, bootstrap_expect: 3 }, "the right gossip key");
    await eventually(() => {
      const log = servers.map((server) => readFileSync(files.hostLog(server, "consul"), "utf8")).join("");
      expect(log).toContain(
        "certificate is valid for client-1.client.dc1.consul, client.dc1.consul, localhost, not server.dc1.consul",
      );
      return Promise.resolve();
    });
    const { Servers } = await lab.api<{ Servers: { Node: string; Voter: boolean }[] }>(
      "Consul",
      "/v1/operator/raft/configuration",
    );
    const voters = Servers.filter(({ Voter }) => Voter).map(({ Node }) => Node);
    expect(voters.sort()).toEqual(servers);
  });

  test("does not become a Nomad client with a certificate of somebody else", async () => {
    const config = {
      name: "intruder",
      ports: { http: 9646, rpc: 9647, serf: 9648 },
      client: {
        enabled: true,
        options: { "fingerprint.denylist": cloudFingerprinters },
        server_join: { retry_join: ["10.200.0.10:4647"], retry_interval: "1s" },
      },
      tls: {
        http: false,
        rpc: true,
        ca_file: "@/consul-agent-ca.pem",
        cert_file: "@/dc1-server-consul-0.pem",
        key_file: "@/dc1-server-consul-0-key.pem",
      },
    };
    const refused = /unknown authority|bad certificate/;
    expect(await intrude("nomad", config, "no gossip key", refused)).toMatch(refused);
    const nodes = await lab.api<{ Name: string }[]>("Nomad", "/v1/nodes");
    expect(nodes.map(({ Name }) => Name).sort()).toEqual(clients);
  });

  test("does not get into the gossip of Nomad's servers without the key", async () => {
    const config = {
      name: "intruder",
      ports: { http: 9646, rpc: 9647, serf: 9648 },
      advertise: { http: "10.200.1.1", rpc: "10.200.1.1", serf: "10.200.1.1" },
      server: { enabled: true, server_join: { retry_join: ["10.200.0.10:4648"], retry_interval: "1s" } },
    };
    expect(await intrude("nomad", config, "no gossip key", notJoined)).toMatch(notJoined);
    const { Members } = await lab.api<{ Members: { Name: string }[] }>("Nomad", "/v1/agent/members");
    expect(Members.map(({ Name }) => Name).sort()).toEqual(servers.map((name) => `${name}.global`));
  });
});

describe("the token of a job's identity", () => {
  const registration = (name: string) => {
    const script = `
      const { readFileSync } = require("fs");
      const { execSync } = require("child_process");
      const { request } = require("https");
      const [ca, cert, key] = ["consul-ca", "consul", "consul-key"].map((name) => readFileSync("/etc/nomad.d/tls/" + name + ".pem"));
      const put = (path, body) => new Promise((resolve, reject) => {
        const headers = { "X-Consul-Token": token };
        const sent = request("https://127.0.0.1:8501" + path, { method: "PUT", headers, ca, cert, key, agent: false }, async (response) => {
          resolve(response.statusCode + " " + (await response.toArray()).join(""));
        });
        sent.on("error", reject).end(body);
      });
      const file = execSync("ls /opt/nomad/data/alloc/*/connect-proxy-count-api/secrets/si_token").toString().trim().split("\\n")[0];
      const token = require("fs").readFileSync(file, "utf8").trim();
      put("/v1/agent/service/register", JSON.stringify({ ID: "probe", Name: "${name}", Port: 1 })).then(async (answer) => {
        console.log(answer);
        await put("/v1/agent/service/deregister/probe");
      });`;
    return lab.onHost("client-1", "node", "-e", script);
  };

  test("registers the job's own service and none of another name", async () => {
    expect((await registration("count-api")).output).toMatch(/^200/);
    expect((await registration("count-dashboard")).output).toMatch(/^403 Permission denied/);
    expect((await registration("anything")).output).toMatch(/^403 Permission denied/);
  });
});

test("no secret is in what was synthesized, applied or logged, in a host's data, or on a command line", () => {
  const secrets = secretsIn(documentsIn(files.secrets("dc1")));
  expect(secrets.length).toBeGreaterThan(15);
  const hosts = [...servers, ...clients];
  const data = hosts.flatMap((host) => [join(files.host(host), "files"), join(files.host(host), "units")]);
  const folders = [
    files.synthesized,
    files.applied,
    files.access("dc1"),
    files.accessApplied("dc1"),
    files.log,
    ...hosts.map((it) => files.hostLogs(it)),
    ...data,
  ];
  const read = folders.flatMap(filesBelow);
  expect(read.length).toBeGreaterThan(30);
  for (const path of read) expect([path, secretsFound(readFileSync(path, "utf8"), secrets)]).toEqual([path, []]);
  expect(commandLines.size).toBeGreaterThan(20);
  for (const line of commandLines) expect([line, secretsFound(line, secrets)]).toEqual([line, []]);
});

/** Everything in a document of the store that is not public: certificates are. */
function secretsIn(value: unknown): string[] {
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(secretsIn);
  if (typeof value !== "string" || value.includes("BEGIN CERTIFICATE")) return [];
  // A key may be quoted or wrapped elsewhere: one line of its middle is enough to know it again.
  return [value.includes("PRIVATE KEY") ? value.split("\n")[1] : value];
}

function secretsFound(text: string, secrets: readonly string[]): string[] {
  return secrets.filter((secret) => text.includes(secret)).map((secret) => `${secret.slice(0, 4)}…`);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((entry) => join(folder, entry))
    .filter((path) => statSync(path).isFile());
}

describe("when servers fail", () => {
  /** The term of a server's leader, which each election raises. */
  async function termOn(host: string, engine: "consul" | "nomad"): Promise<number> {
    const { output } = await lab.onHost(host, engine, engine === "consul" ? "info" : "agent-info");
    return Number(/^\s*term = (\d+)/m.exec(output)?.[1]);
  }

  /**
   * Kills a leader, and waits until it is back and a leader is elected. The others may not have noticed anything yet, so the
   * one that is back is asked, which has everything that it says from after the kill.
   */
  async function survives(engine: "Consul" | "Nomad", isBack: (host: string) => Promise<void>): Promise<void> {
    const leader = await leaderOf(engine);
    const agent = engine === "Consul" ? "consul" : "nomad";
    const [killed, term] = [agentOf(lab, leader, agent), await termOn(leader, agent)];
    await kill([killed]);
    await eventually(async () => {
      expect(agentOf(lab, leader, agent).pid).not.toBe(killed.pid);
      expect(await termOn(leader, agent)).toBeGreaterThan(term);
      expect(servers).toContain(await leaderOf(engine));
      await isBack(leader);
    }, MINUTE);
  }

  test("kill -9 of Consul's leader: no request fails, there is a new leader, and the killed one comes back", async () => {
    const statuses = await loadWhile(() =>
      survives("Consul", async (host) => {
        expect(rows(await lab.onHost(host, "consul", "members"), /alive/)).toBe(5);
        expect(rows(await lab.onHost(host, "consul", "operator", "raft", "list-peers"), /true/)).toBe(3);
      }),
    );
    expect(statuses.length).toBeGreaterThan(50);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  test("kill -9 of Nomad's leader: no request fails, there is a new leader, and the killed one comes back", async () => {
    const statuses = await loadWhile(() =>
      survives("Nomad", async (host) => {
        expect(rows(await lab.onHost(host, "nomad", "server", "members"), /alive/)).toBe(3);
      }),
    );
    expect(statuses.length).toBeGreaterThan(50);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  test("two of three off: traffic and intentions go on, writes fail and say why; up brings them back", async () => {
    const statuses = await loadWhile(async () => {
      await powerOff(lab, "server-2", "server-3");
      const write = () => lab.api("Consul", "/v1/kv/while-away", "PUT", "1");
      await eventually(async () => {
        await expect(write()).rejects.toThrow(/500: .*(No cluster leader|leadership lost)/i);
      }, MINUTE);
      await eventually(async () => {
        const job = lab.api("Nomad", "/v1/jobs/parse", "PUT", { JobHCL: "job a {}" });
        await expect(job.then(() => lab.api("Nomad", "/v1/jobs", "PUT", { Job: { ID: "a" } }))).rejects.toThrow(/500/);
      }, MINUTE);
      expect(await ask("stranger")).toBe(403);
      for (let n = 0; n < 100; n++) expect(await ask()).toBe(200);
    });
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await lab.up("guarded")).toExit(0);
    await eventually(async () => {
      expect(rows(await lab.onHost("server-3", "consul", "operator", "raft", "list-peers"), /true/)).toBe(3);
    });
  });
});

test(
  "a server that leads is booted again: another leads before it goes, no request fails, writes succeed within seconds, and it keeps its vote",
  async () => {
    const leader = await leaderOf("Consul");
    const writes: (boolean | string)[] = [];
    let slowest = 0;
    const statuses = await loadWhile(async () => {
      const over = new AbortController();
      const writing = (async () => {
        while (!over.signal.aborted) {
          const start = Date.now();
          let answer: boolean | string;
          do {
            answer = await lab
              .api<boolean>("Consul", "/v1/kv/reboot", "PUT", "1")
              .catch((error: unknown) => String(error));
            // Consul refuses a write in the moment of the transfer, having changed nothing: its clients try again.
          } while (/leadership transfer in progress/.test(String(answer)) && Date.now() - start < 5_000);
          writes.push(answer);
          slowest = Math.max(slowest, Date.now() - start);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })();
      const left = await lab.onHost(leader, HOST_TOOL, "leave");
      over.abort();
      await writing;
      expect(left).toMatchObject({
        code: 0,
        output: expect.stringContaining("Another server of Consul is the leader now.") as string,
      });
      expect(await leaderOf("Consul")).not.toBe(leader);
      expect(await leaderOf("Nomad")).not.toBe(leader);
      expect(await votersOf(lab)).toEqual([3, 3]);
      await powerOff(lab, leader);
      expect(await lab.up("guarded")).toExit(0);
    });
    expect(new Set(writes)).toEqual(new Set([true]));
    expect(slowest).toBeLessThan(5_000);
    expect(statuses.length).toBeGreaterThan(50);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await lab.onHost(leader, HOST_TOOL, "ready", "--wait", "60")).toExit(0);
  },
  4 * MINUTE,
);

test("client hosts that are told at once to restart their Consul agents do so one after the other: no request fails, then and when service defaults change", async () => {
  const before = clients.map((host) => agentOf(lab, host, "consul").pid);
  const path = "/v1/config/service-defaults/count-api";
  const defaults = await lab.api<object>("Consul", path);
  const unwell = new Set<string>();
  let outcomes: Outcome[] = [];
  const statuses = await loadWhile(async () => {
    outcomes = await Promise.all(clients.map((host) => lab.onHost(host, HOST_TOOL, "restart", "consul")));
    // An agent that has only restarted takes the sidecars of a service with new defaults for critical until it has checked them.
    await lab.api("Consul", "/v1/config", "PUT", { ...defaults, LocalConnectTimeoutMs: 4_999 });
    for (const end = Date.now() + 3_000; Date.now() < end;) {
      const critical = await lab.api<readonly { readonly CheckID: string }[]>("Consul", "/v1/health/state/critical");
      for (const { CheckID } of critical) unwell.add(CheckID);
    }
    await lab.api("Consul", "/v1/config", "PUT", defaults);
  });
  const said = outcomes.map(({ output }) => output).join("");
  expect({ said, codes: outcomes.map(({ code }) => code) }).toMatchObject({ codes: [0, 0] });
  expect(said.match(/Waiting for this host's turn .*: client-\d restarts or reloads its agents/g)).toHaveLength(1);
  expect(said.match(/Consul is back, and all checks that passed before pass again\./g)).toHaveLength(2);
  for (const [index, host] of clients.entries()) expect(agentOf(lab, host, "consul").pid).not.toBe(before[index]);
  expect([...unwell]).toEqual([]);
  expect(statuses.length).toBeGreaterThan(50);
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
});

test(
  "an agent whose name belongs to a dead node recovers on its own",
  async () => {
    const identity = async () => (await lab.onHost("client-2", "cat", "/opt/consul/node-id")).output.trim();
    const inCatalog = async () =>
      (await lab.api<{ Node: { ID: string } }>("Consul", "/v1/catalog/node/client-2")).Node.ID;
    const logOfServers = () => servers.map((server) => readFileSync(files.hostLog(server, "consul"), "utf8")).join("");
    // A host that is recreated before the others have missed it: the name is alive all the time, the identity is new. On a slow machine
    // they may have missed it already, so the fault is repeated until it is seen.
    const isReserved = async () => {
      const before = await identity();
      await lab.onHost("client-2", "sh", "-c", "rm -rf /opt/consul/*");
      await kill([agentOf(lab, "client-2", "consul")]);
      await eventually(async () => {
        expect(await identity()).toMatch(/^[0-9a-f-]{36}$/);
        expect(await identity()).not.toBe(before);
      });
      const sentence = `Node name client-2 is reserved by node ${before}`;
      return eventually(() => {
        expect(logOfServers()).toContain(sentence);
        return Promise.resolve();
      }, 10_000).then(
        () => true,
        () => false,
      );
    };
    let reserved = false;
    for (let times = 0; times < 4 && !reserved; times++) {
      expect(await lab.onHost("client-2", HOST_TOOL, "ready", "--wait", "60")).toExit(0);
      reserved = await isReserved();
    }
    expect(reserved).toBe(true);
    expect(await lab.onHost("client-2", HOST_TOOL, "ready", "--wait", "60")).toExit(0);
    expect(await inCatalog()).toBe(await identity());
    await eventually(async () => {
      const { output } = await lab.meshform(["status", "--json"]);
      expect(JSON.parse(output)).toMatchObject({ healthy: true });
    }, 2 * MINUTE);
  },
  6 * MINUTE,
);

test(
  "a client host is booted again: its jobs are elsewhere before it goes, it takes jobs after, and no request fails",
  async () => {
    type Allocation = { JobID: string; NodeName: string; ClientStatus: string };
    const running = async (on: string) =>
      (await lab.api<Allocation[]>("Nomad", "/v1/allocations")).filter(
        ({ ClientStatus, NodeName }) => ClientStatus === "running" && NodeName === on,
      );
    const eligibility = async (host: string) =>
      (await lab.api<{ Name: string; SchedulingEligibility: string }[]>("Nomad", "/v1/nodes")).find(
        ({ Name }) => Name === host,
      )?.SchedulingEligibility;
    // What has one instance cannot move without a gap: the dashboard that is asked stays where it is.
    const isFree = async (host: string) => (await running(host)).every(({ JobID }) => JobID !== "count-dashboard");
    const [host] = (await isFree("client-1")) ? ["client-1"] : ["client-2"];
    expect((await running(host)).map(({ JobID }) => JobID)).toContain("count-api");
    const statuses = await loadWhile(async () => {
      expect(await lab.onHost(host, HOST_TOOL, "leave")).toExit(0);
      expect(await running(host)).toEqual([]);
      expect(await eligibility(host)).toBe("ineligible");
      await powerOff(lab, host);
      expect(await lab.up("guarded")).toExit(0);
      await eventually(async () => expect(await eligibility(host)).toBe("eligible"), MINUTE);
    });
    expect(statuses.length).toBeGreaterThan(50);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await lab.onHost(host, HOST_TOOL, "ready", "--wait", "60")).toExit(0);
  },
  4 * MINUTE,
);

test(
  "a client host that is replaced leaves for good: both engines know that it has left, its agents stay down, and no request fails",
  async () => {
    type Allocation = { JobID: string; NodeName: string; ClientStatus: string };
    const running = async (on: string) =>
      (await lab.api<Allocation[]>("Nomad", "/v1/allocations"))
        .filter(({ ClientStatus, NodeName }) => ClientStatus === "running" && NodeName === on)
        .map(({ JobID }) => JobID);
    const [host] = (await running("client-1")).includes("count-dashboard") ? ["client-2"] : ["client-1"];
    const identity = async () => (await lab.onHost(host, "cat", "/opt/consul/node-id")).output.trim();
    const before = await identity();
    const statuses = await loadWhile(async () => {
      const { code, output } = await lab.onHost(host, HOST_TOOL, "leave", "--for-good");
      expect({ code, output }).toExit(0);
      expect(output).toContain(`${host} has left the cluster permanently. It can be shut down.`);
      expect(await running(host)).toEqual([]);
      await eventually(async () => {
        const members = await lab.onHost("server-1", "consul", "members");
        expect(rows(members, new RegExp(`^${host} .*\\bleft\\b`))).toBe(1);
        const nodes = await lab.api<{ Name: string; Status: string }[]>("Nomad", "/v1/nodes");
        expect(nodes.filter(({ Name, Status }) => Name === host && Status !== "down")).toEqual([]);
      }, MINUTE);
      const status = JSON.parse((await lab.onHost(host, HOST_TOOL, "status", "--json")).output) as object;
      expect(status).toMatchObject({ left: true, ready: false });
      // A supervisor would have started them again by now.
      expect(await lab.onHost(host, "pgrep", "-f", "^/usr/local/bin/(consul|nomad) agent")).toExit(1);
      await powerOff(lab, host);
    });
    expect(new Set(statuses)).toEqual(new Set([200]));
    rmSync(files.host(host), { recursive: true });
    expect(await lab.up("guarded")).toExit(0);
    expect(await lab.onHost(host, HOST_TOOL, "ready", "--wait", "60")).toExit(0);
    expect(await identity()).not.toBe(before);
  },
  6 * MINUTE,
);

test(
  "of two living hosts of one name the first keeps it: the second is not ready and says so, and comes back under its own",
  async () => {
    const idOf = async (host: string) =>
      (await lab.api<{ Node: { ID: string } } | null>("Consul", `/v1/catalog/node/${host}`))?.Node.ID;
    const own = async (host: string) => (await lab.onHost(host, "cat", "/opt/consul/node-id")).output.trim();
    const file = "/etc/consul.d/stolen.json";
    const logs = () => servers.map((server) => readFileSync(files.hostLog(server, "meshform-repair"), "utf8")).join("");
    const forgotten = () => logs().split("Removed the node client-1 ").length;
    const [first, before] = [await own("client-1"), forgotten()];
    await lab.onHost("client-2", "sh", "-c", `echo '{"node_name": "client-1"}' > ${file}; chmod 644 ${file}`);
    await kill([agentOf(lab, "client-2", "consul")]);
    try {
      await eventually(async () => {
        const { code, output } = await lab.onHost("client-2", HOST_TOOL, "ready");
        expect({ code, output }).toExit(1);
        expect(output).toMatch(/client-2 is not an alive member of Consul\.|The name client-2 is /);
      }, MINUTE);
      for (let n = 0; n < 15; n++) {
        expect(await idOf("client-1")).toBe(first);
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
      expect(await lab.onHost("client-1", HOST_TOOL, "ready")).toExit(0);
      expect(forgotten()).toBe(before);
    } finally {
      await lab.onHost("client-2", "rm", file);
      await kill([agentOf(lab, "client-2", "consul")]);
    }
    expect(await lab.onHost("client-2", HOST_TOOL, "ready", "--wait", "90")).toExit(0);
    expect(await idOf("client-2")).toBe(await own("client-2"));
    await eventually(async () => {
      const { output } = await lab.meshform(["status", "--json"]);
      expect(JSON.parse(output)).toMatchObject({ healthy: true });
    }, 2 * MINUTE);
  },
  5 * MINUTE,
);

test(
  "servers that were all destroyed begin with the newest snapshot: no request fails meanwhile, the intentions are the same, no allocation is lost",
  async () => {
    const intentions = () => lab.api<{ Name: string }[]>("Consul", "/v1/config/service-intentions");
    const running = async () => {
      const all = await lab.api<{ ID: string; ClientStatus: string }[]>("Nomad", "/v1/allocations");
      return all.filter(({ ClientStatus }) => ClientStatus === "running").map(({ ID }) => ID);
    };
    const extra = { Kind: "service-intentions", Name: "ledger", Sources: [{ Name: "count-api", Action: "allow" }] };
    await lab.api("Consul", "/v1/config", "PUT", extra);
    // Callers go by the catalog of the snapshot until the agents of clients have brought it up to date.
    await expectHealthy(lab, clients);
    const [earlier, allocations] = [await intentions(), await running()];
    expect(await lab.onHost("server-1", HOST_TOOL, "snapshot", "--force")).toExit(0);

    let output = "";
    const statuses = await loadWhile(async () => {
      await powerOff(lab, ...servers);
      for (const server of servers) rmSync(files.host(server), { recursive: true });
      ({ output } = await lab.up("guarded"));
    });

    expect(statuses.length).toBeGreaterThan(50);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    // It also says that the intention of this test does not belong to the app.
    expect(output).toContain("The deployment succeeded");
    expect(output).not.toMatch(/\d (created|updated|deleted)/);
    expect((await intentions()).map(({ Name }) => Name)).toContain("ledger");
    expect(await intentions()).toEqual(earlier);
    expect((await running()).sort()).toEqual(allocations.sort());
    await eventually(async () => {
      for (let n = 0; n < 20; n++) expect(await ask()).toBe(200);
      expect(await ask("stranger")).toBe(403);
    }, 2 * MINUTE);
  },
  6 * MINUTE,
);

test(
  "servers that were all destroyed, and whose snapshots are gone, wait: up says so at once, and with which command they begin with nothing",
  async () => {
    await powerOff(lab, ...servers);
    for (const server of servers) rmSync(files.host(server), { recursive: true });
    for (const name of readdirSync(files.snapshots("dc1"))) rmSync(join(files.snapshots("dc1"), name));
    const { code, output } = await lab.up("guarded");
    expect(code).not.toBe(0);
    expect(output).toContain("All servers of the lab are new, and there is no valid snapshot to restore.");
    expect(output).toContain("meshform-host recover --empty`, then run ");
    expect(await lab.api("Consul", "/v1/status/leader")).toBe("");

    expect(await lab.onHost("server-1", HOST_TOOL, "recover", "--empty")).toExit(0);
    await eventually(async () => {
      expect(await lab.api<string>("Consul", "/v1/status/leader")).toMatch(/^10\.200\./);
      expect(await lab.api<string>("Nomad", "/v1/status/leader")).toMatch(/^10\.200\./);
    }, 4 * MINUTE).catch((error: unknown) => {
      const logOf = (server: string, unit: string) =>
        `${server} ${unit}:\n${readFileSync(files.hostLog(server, unit), "utf8").split("\n").slice(-25).join("\n")}`;
      const logs = servers.flatMap((server) => ["meshform-acl", "nomad"].map((unit) => logOf(server, unit)));
      throw new Error([String(error), ...logs].join("\n"));
    });
    expect((await lab.api<unknown[] | null>("Consul", "/v1/config/service-intentions")) ?? []).toEqual([]);
  },
  8 * MINUTE,
);

test("nothing is left of it", async () => {
  expect(await lab.down()).toExit(0);
  await eventually(async () => expect(await newTraces(before, [lab.name])).toEqual([]));
});
