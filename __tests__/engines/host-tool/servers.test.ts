import { WELL_KNOWN_TOKENS } from "../../../constructs";
import { spawn } from "node:child_process";
import { randomBytes, X509Certificate } from "node:crypto";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { delimiter, join } from "node:path";
import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import { eventually } from "../../support/eventually";
import type { BucketSnapshotStore } from "../../../constructs";
import { HOST_TOOL } from "../../../constructs/linux/host-tool/host-tool";
import { documentFile, documentsIn, engineEnvironment, secretsIn } from "../../support/host-tool";
import { LoopbackServers, type LoopbackServer } from "../../support/loopback-servers";
import { startMoto, type Moto } from "../../support/moto";

jest.setTimeout(10 * 60_000);

const names = ["consul-agent", "nomad-server", "nomad-client", "prometheus", "operator"] as const;
let cluster: LoopbackServers;

const newKey = () => randomBytes(32).toString("base64");

beforeAll(async () => {
  cluster = new LoopbackServers(3);
  const outcomes = await Promise.all(cluster.servers.map(({ host }) => host.tool(["secrets"])));
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);
  await Promise.all(cluster.servers.map((server) => server.start()));
}, 20 * 60_000);

afterAll(() => cluster.stop());

/** What a host needs, as `AccessStack` allows it. */
const rulesOfAgents = `
  node_prefix "" { policy = "write" }
  key "meshform/turn" { policy = "write" }
  key "meshform/rotation" { policy = "read" }
  key_prefix "meshform/hosts/" { policy = "write" }
`;

interface Token {
  readonly SecretID: string;
  readonly Policies?: readonly { readonly Name: string }[];
}

const token = (name: (typeof names)[number]) =>
  cluster.servers[0].consul<Token>(`/v1/acl/token/${WELL_KNOWN_TOKENS[name]}`);

test("three servers at once set up both ACL systems, and again without harm", async () => {
  const all = () => Promise.all(cluster.servers.map(({ host }) => host.tool(["acl"])));
  const first = await all();
  expect(first.map(({ code, output }) => ({ code, output }))).toMatchObject([{ code: 0 }, { code: 0 }, { code: 0 }]);
  const said = first.map(({ output }) => output).join("");
  for (const sentence of [
    "Bootstrapped the ACL system of Consul.",
    "Bootstrapped the ACL system of Nomad.",
    ...names.map((name) => `Created token ${name}.`),
  ]) {
    expect(said.split("\n")).toContain(sentence);
  }
  for (const secret of secretsIn(documentsIn(cluster.store))) expect(said).not.toContain(secret);

  const second = await all();
  expect(second.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(second.map(({ output }) => output).join("")).not.toMatch(/Created|Bootstrapped/);
});

test("the tokens have the secrets of the store and may do nothing yet", async () => {
  const { tokens } = documentsIn(cluster.store).cluster as { tokens: Record<string, string> };
  for (const name of names) {
    const { SecretID, Policies } = await token(name);
    expect({ name, SecretID, Policies }).toEqual({ name, SecretID: tokens[name], Policies: undefined });
  }
});

test("what Terraform has attached to a token stays", async () => {
  const [server] = cluster.servers;
  await server.consul("/v1/acl/policy", "PUT", { Name: "agents", Rules: rulesOfAgents });
  const accessor = WELL_KNOWN_TOKENS["consul-agent"];
  await server.consul(`/v1/acl/token/${accessor}`, "PUT", { Policies: [{ Name: "agents" }] });
  expect(await server.host.tool(["acl"])).toEqual({ code: 0, output: "" });
  expect((await token("consul-agent")).Policies).toMatchObject([{ Name: "agents" }]);
});

test("the management tokens of the store rule both engines", async () => {
  const [server] = cluster.servers;
  expect(await server.consul("/v1/acl/token/self")).toMatchObject({ Policies: [{ Name: "global-management" }] });
  expect(await server.nomad("/v1/acl/token/self")).toMatchObject({ Type: "management" });
});

interface Status {
  readonly ready: boolean;
  readonly warnings: readonly { readonly name: string; readonly reason: string }[];
}

test("a full disk and a clock that is off are told by status and ready, and make no server unready", async () => {
  const [server] = cluster.servers;
  const status = async (env = {}) => JSON.parse((await server.host.tool(["status", "--json"], env)).output) as Status;
  const told = ({ warnings }: Status) => warnings.filter(({ name }) => name !== "memory").map(({ reason }) => reason);
  await eventually(async () => expect((await status()).ready).toBe(true), 90_000);
  // It compares its clock with that of another server: this one is what is off.
  const faked = await status({ PYTHONPATH: lateClock(120) });
  expect(told(faked)).toContainEqual(
    expect.stringMatching(
      /^The clock of this host is 1(19|2\d) s ahead of that of https:\/\/127\.\d+\.\d+\.[23]:8501: from 60 s on,/,
    ),
  );
  expect(told(await status()).join("\n")).not.toContain("The clock of this host");

  const small = server.host.path("/opt/small");
  mkdirSync(small);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m,nr_inodes=100", "tmpfs", small]);
  try {
    server.host.write("/opt/small/filling", Buffer.alloc(7.5 * 2 ** 20, 1).toString("latin1"));
    for (let n = 0; n < 95; n++) server.host.write(`/opt/small/${n}`, "");
    const config = server.host.json("/etc/meshform/host.json") as object;
    const store = { type: "directory", path: small };
    server.host.write("/etc/meshform/host.json", JSON.stringify({ ...config, snapshots: { store, retain: 2 } }));
    const full = await status();
    expect(full.ready).toBe(true);
    const fix = "Snapshots cannot write when it is full: delete files that are not needed, or enlarge the disk.";
    expect(told(full)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(new RegExp(`^The disk of ${small} has 0\\.\\d MiB left, \\d % of it\\. ${fix}$`)),
        expect.stringMatching(new RegExp(`^The disk of ${small} has \\d inodes left, \\d % of them\\. ${fix}$`)),
      ]),
    );
    const { code, output } = await server.host.tool(["ready"]);
    expect({ code, output }).toExit(0);
    expect(output).toContain(`Warning, disk: The disk of ${small} has `);
    server.host.write("/etc/meshform/host.json", JSON.stringify(config));
  } finally {
    execFileSync("umount", [small]);
  }
});

/** A folder for Python's path with which a program believes to be so many seconds later. */
function lateClock(seconds: number): string {
  const folder = join(cluster.folder, "late");
  mkdirSync(folder, { recursive: true });
  const code = `import time\n_now = time.time\ntime.time = lambda: _now() + ${seconds}\n`;
  writeFileSync(join(folder, "sitecustomize.py"), code);
  return folder;
}

test("a person gets tokens for a reason, which end with the shell, and leaves a trace", async () => {
  const [server] = cluster.servers;
  const log = "/var/log/meshform-access.log";
  const env = { SUDO_USER: "alice", SHELL: "/bin/sh" };
  const access = (...words: string[]) => server.host.tool(["access", ...words], env);
  expect(await access("--reason", "look", "--", "true")).toExit(1);
  expect(await access("--reason", "to look at a test", "--for", "25h", "--", "true")).toExit(1);
  const script = `
for secret in "$CONSUL_HTTP_TOKEN" "$NOMAD_TOKEN"; do
  for line in /proc/[0-9]*/cmdline; do
    if tr '\\0' ' ' < "$line" 2>/dev/null | grep -q -- "$secret"; then echo "It is in $line."; fi
  done
done
consul acl token read -self -format=json
nomad operator api /v1/acl/token/self < /dev/null`;
  const { code, output } = await access(
    "--reason",
    "to see that a test passes",
    "--for",
    "5m",
    "--",
    "sh",
    "-c",
    script,
  );

  expect({ code, output }).toExit(0);
  expect(output).not.toContain("It is in ");
  const secrets = [...output.matchAll(/"SecretID": ?"([^"]+)"/g)].map(([, secret]) => secret);
  expect(secrets).toHaveLength(2);
  const label = "Break-glass access of alice: to see that a test passes";
  expect(output).toContain(`"Description": "${label}"`);
  expect(output).toContain(`"Name":"${label}"`);
  expect(output).toContain('"Type":"management"');
  const trace = server.host.read(log);
  const entries = trace
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(statSync(server.host.path(log)).mode & 0o777).toBe(0o600);
  expect(entries).toMatchObject([
    { event: "asked", who: "alice", host: "server-1", reason: "to see that a test passes", seconds: 300 },
    { event: "granted", engine: "Consul", who: "alice", policies: ["management"] },
    { event: "granted", engine: "Nomad", who: "alice" },
    { event: "revoked", engine: "Nomad" },
    { event: "revoked", engine: "Consul" },
  ]);
  for (const secret of secrets) expect(trace).not.toContain(secret);
  for (const [entry, read] of [
    [entries[1], (path: string) => server.consul(path)],
    [entries[2], (path: string) => server.nomad(path)],
  ] as const) {
    expect(new Date(String(entry.expires)).getTime() - new Date(String(entry.time)).getTime()).toBeLessThan(301_000);
    await expect(read(`/v1/acl/token/${String(entry.accessor)}`)).rejects.toThrow(/40[34]/);
  }
});

test("a person may have less than all rights, and a program that fails revokes them too", async () => {
  const [server] = cluster.servers;
  const words = ["--reason", "to read agents' policies", "--consul", "agents"];
  const inShell = 'test -z "$NOMAD_TOKEN" && consul acl token read -self -format=json && exit 3';
  const { code, output } = await server.host.tool(["access", ...words, "--", "sh", "-c", inShell], { NOMAD_TOKEN: "" });
  expect({ code, output }).toExit(3);
  expect(output).toContain('"Name": "agents"');
  expect(output).not.toContain("global-management");
  const [accessor] = /[0-9a-f-]{36}/.exec(output) ?? [];
  await expect(server.consul(`/v1/acl/token/${accessor}`)).rejects.toThrow(/40[34]/);
});

/** What holds for good in a cluster, whichever machines it runs on. */
async function memory(server: LoopbackServer) {
  const { Roots, ActiveRootID } = await server.consul<{
    Roots: { ID: string; RootCert: string }[];
    ActiveRootID: string;
  }>("/v1/connect/ca/roots");
  return {
    root: Roots.find(({ ID }) => ID === ActiveRootID)?.RootCert,
    intentions: await server.consul<object>("/v1/config/service-intentions/api"),
    policies: (await token("consul-agent")).Policies?.map(({ Name }) => Name),
    variable: (await server.nomad<{ Items: object }>("/v1/var/shop")).Items,
    identityKeys: await server.nomad<object>("/.well-known/jwks.json"),
  };
}

async function writeMemory(server: LoopbackServer): Promise<void> {
  await server.consul("/v1/config", "PUT", {
    ...{ Kind: "service-intentions", Name: "api" },
    Sources: [{ Name: "web", Action: "allow" }],
  });
  await server.nomad("/v1/var/shop", "PUT", { Path: "shop", Items: { open: "yes" } });
}

const snapshots = () => readdirSync(cluster.snapshots).sort();

test("only the leaders save snapshots, which are whole and nobody else's", async () => {
  await writeMemory(cluster.servers[0]);
  const outcomes = await Promise.all(cluster.servers.map(({ host }) => host.tool(["snapshot"])));
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);
  const said = outcomes.map(({ output }) => output).join("");
  for (const engine of ["Consul", "Nomad"]) {
    expect(
      said.match(new RegExp(`Saved \\S+/${engine.toLowerCase()}-\\d{8}T\\d{6}Z.snap, \\d+ bytes`, "g")),
    ).toHaveLength(1);
    const follower = new RegExp(
      `${engine} is led by 127\\S+, which saves the snapshot. This server has nothing to do.`,
      "g",
    );
    expect(said.match(follower)).toHaveLength(2);
  }
});

test("a snapshot can be had from a follower too, and only the newest are kept", async () => {
  const [server] = cluster.servers;
  rmSync(cluster.snapshots, { recursive: true });
  mkdirSync(cluster.snapshots);
  for (const time of ["20200101T000000Z", "20200102T000000Z"]) {
    for (const engine of ["consul", "nomad"]) writeFileSync(join(cluster.snapshots, `${engine}-${time}.snap`), "old");
  }
  const { code, output } = await server.host.tool(["snapshot", "--force"]);
  expect({ code, output }).toExit(0);
  expect(snapshots()).toEqual([
    "consul-20200102T000000Z.snap",
    expect.stringMatching(/^consul-2/),
    "nomad-20200102T000000Z.snap",
    expect.stringMatching(/^nomad-2/),
  ]);
  expect(output).toContain("consul-20200101T000000Z.snap, older than the 2 that are kept.");
  expect(statSync(cluster.snapshots).mode & 0o777).toBe(0o700);
  for (const name of snapshots().filter((name) => !name.includes("-2020"))) {
    expect(statSync(join(cluster.snapshots, name)).mode & 0o777).toBe(0o600);
  }
  for (const secret of secretsIn(documentsIn(cluster.store))) expect(output).not.toContain(secret);
});

test("what is no snapshot is not restored", async () => {
  const [server] = cluster.servers;
  const file = join(cluster.snapshots, "consul-20200102T000000Z.snap");
  const { code, output } = await server.host.tool(["restore", "--consul", file]);
  expect(code).toBe(1);
  expect(output).toContain("`consul snapshot …` failed");
  unlinkSync(file);
});

interface Gossip {
  readonly primary: string;
  readonly next?: string;
  readonly previous?: string;
}

interface ClusterSecrets {
  readonly consul: { gossip: Gossip };
  readonly nomad: { gossip: Gossip };
}

const clusterFile = () => documentFile(cluster.store, "cluster");
const storedGossip = () => {
  const { consul, nomad } = JSON.parse(readFileSync(clusterFile(), "utf8")) as ClusterSecrets;
  return { consul: consul.gossip, nomad: nomad.gossip };
};

function storeGossip(change: Readonly<Record<"consul" | "nomad", Gossip>>): void {
  const document = JSON.parse(readFileSync(clusterFile(), "utf8")) as ClusterSecrets;
  document.consul.gossip = change.consul;
  document.nomad.gossip = change.nomad;
  writeFileSync(clusterFile(), JSON.stringify(document));
}

/** How many agents hold each key, for each pool of agents. */
async function keyrings(server: LoopbackServer) {
  type Pool = Readonly<Record<"Keys" | "PrimaryKeys", Readonly<Record<string, number>>>>;
  const consul = await server.consul<Pool[]>("/v1/operator/keyring");
  const nomad = await server.nomad<Pool>("/v1/agent/keyring/list");
  return { consul: consul.map(({ Keys, PrimaryKeys }) => ({ Keys, PrimaryKeys })), nomad: nomad.Keys };
}

async function expectOneKey(agents: number): Promise<void> {
  const { consul, nomad } = storedGossip();
  expect([Object.keys(consul), Object.keys(nomad)]).toEqual([["primary"], ["primary"]]);
  const all = { [consul.primary]: agents };
  expect(await keyrings(cluster.servers[0])).toEqual({
    consul: [
      { Keys: all, PrimaryKeys: all }, // WAN
      { Keys: all, PrimaryKeys: all }, // LAN
    ],
    nomad: { [nomad.primary]: agents },
  });
}

/** Who each server believes to be alive. */
async function expectTogether(): Promise<void> {
  const names = cluster.servers.map(({ name }) => name);
  for (const server of cluster.servers) {
    const consul = await server.consul<{ Name: string; Status: number }[]>("/v1/agent/members");
    expect(
      consul
        .filter(({ Status }) => Status === 1)
        .map(({ Name }) => Name)
        .sort(),
    ).toEqual(names);
    const { Members } = await server.nomad<{ Members: { Name: string; Status: string }[] }>("/v1/agent/members");
    const alive = Members.filter(({ Status }) => Status === "alive").map(({ Name }) => Name.replace(".global", ""));
    expect(alive.sort()).toEqual(names);
  }
}

test("gossip keys change while all servers stay together", async () => {
  const [server] = cluster.servers;
  const before = storedGossip();
  const { code, output } = await server.host.tool(["rotate", "gossip"]);
  expect({ code, output }).toExit(0);
  const after = storedGossip();
  for (const engine of ["consul", "nomad"] as const) {
    expect(after[engine].primary).not.toBe(before[engine].primary);
    expect(output).not.toContain(before[engine].primary);
    expect(output).not.toContain(after[engine].primary);
  }
  await expectOneKey(3);
  await expectTogether();

  const encrypts = () => server.host.json("/etc/consul.d/secrets.json") as { encrypt: string };
  expect(encrypts().encrypt).toBe(before.consul.primary);
  expect(await server.host.tool(["secrets"])).toExit(0);
  expect(encrypts().encrypt).toBe(after.consul.primary);
});

describe("a rotation that was interrupted is completed", () => {
  const install = async (server: LoopbackServer, { consul, nomad }: Record<"consul" | "nomad", string>) => {
    await server.consul("/v1/operator/keyring", "POST", { Key: consul });
    await server.nomad("/v1/agent/keyring/install", "PUT", { Key: nomad });
  };
  const use = async (server: LoopbackServer, { consul, nomad }: Record<"consul" | "nomad", string>) => {
    await server.consul("/v1/operator/keyring", "PUT", { Key: consul });
    await server.nomad("/v1/agent/keyring/use", "PUT", { Key: nomad });
  };

  test.each(["before any agent has the key", "between install and use", "after use", "before the old key is removed"])(
    "%s",
    async (moment) => {
      const [server] = cluster.servers;
      const { consul, nomad } = storedGossip();
      const next = { consul: newKey(), nomad: newKey() };
      storeGossip({ consul: { ...consul, next: next.consul }, nomad: { ...nomad, next: next.nomad } });
      if (moment !== "before any agent has the key") await install(server, next);
      if (moment === "after use" || moment === "before the old key is removed") await use(server, next);
      if (moment === "before the old key is removed") {
        storeGossip({
          consul: { primary: next.consul, previous: consul.primary },
          nomad: { primary: next.nomad, previous: nomad.primary },
        });
      }

      const { code, output } = await server.host.tool(["rotate", "gossip"]);
      expect({ code, output }).toExit(0);
      expect(output).toContain("A rotation of Consul's gossip key was interrupted. This completes it.");
      expect(storedGossip()).toEqual({ consul: { primary: next.consul }, nomad: { primary: next.nomad } });
      await expectOneKey(3);
      await expectTogether();
    },
  );
});

test("a server that slept through a rotation, or boots amid one, comes back", async () => {
  const [server, , sleeper] = cluster.servers;
  await sleeper.stop();
  const { code, output } = await server.host.tool(["rotate", "gossip"]);
  expect({ code, output }).toExit(0);
  // The next rotation has begun: everybody else already uses a key that was not there when the sleeper fell asleep.
  const { consul, nomad } = storedGossip();
  const next = { consul: newKey(), nomad: newKey() };
  storeGossip({ consul: { ...consul, next: next.consul }, nomad: { ...nomad, next: next.nomad } });

  expect(await sleeper.host.tool(["secrets"])).toExit(0);
  expect(sleeper.host.json("/opt/consul/serf/local.keyring")).toEqual([consul.primary, next.consul]);
  expect(sleeper.host.json("/opt/consul/serf/remote.keyring")).toEqual([consul.primary, next.consul]);
  expect(sleeper.host.json("/opt/nomad/data/server/serf.keyring")).toEqual([nomad.primary, next.nomad]);
  expect(await sleeper.host.tool(["secrets"])).toMatchObject({
    output: "All files of this host are up to date.\n",
  });
  await sleeper.start();
  await eventually(expectTogether, 90_000);

  expect(await server.host.tool(["rotate", "gossip"])).toExit(0);
  await expectOneKey(3);
  await expectTogether();
});

test("Nomad takes a new key: its variables are encrypted with that, and what the old one signed stays valid", async () => {
  const [server] = cluster.servers;
  type Keys = readonly { readonly KeyID: string; readonly State: string }[];
  type Published = { readonly keys: readonly { readonly kid: string }[] };
  const keys = () => server.nomad<Keys>("/v1/operator/keyring/keys");
  await writeMemory(server);
  const before = await keys();
  const { code, output } = await server.host.tool(["rotate", "keyring"]);
  expect({ code, output }).toEqual({
    code: 0,
    output: expect.stringMatching(/Nomad uses a new key of its keyring\.\n$/) as string,
  });
  const after = await keys();
  expect(after).toHaveLength(before.length + 1);
  const active = after.filter(({ State }) => State === "active").map(({ KeyID }) => KeyID);
  expect(active).toHaveLength(1);
  expect(before.map(({ KeyID }) => KeyID)).not.toContain(active[0]);
  const published = (await server.nomad<Published>("/.well-known/jwks.json")).keys.map(({ kid }) => kid);
  expect(published.sort()).toEqual(after.map(({ KeyID }) => KeyID).sort());
  expect((await server.nomad<{ Items: object }>("/v1/var/shop")).Items).toEqual({ open: "yes" });
});

/** The certificate that an agent shows to those who come by TLS. */
async function shownBy(server: LoopbackServer, port: number): Promise<string> {
  const socket = connect({ host: server.address, port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

describe("a caller without a certificate", () => {
  /** What a server says to a request, of a browser for example. */
  const ask = ({ address }: LoopbackServer, port: number, path: string, headers: Record<string, string> = {}) =>
    new Promise<number | string>((resolve) => {
      const { consul, nomad } = cluster.management;
      const servername = port === 8501 ? "consul.example.com" : "server.global.nomad";
      const options = { host: address, port, path, ca: [consul.ca, nomad.ca], servername, headers, agent: false };
      const sent = request(options, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      sent.end();
    });

  test("gets nothing from Consul, unless a server is told to let it in: then its token says what it may do", async () => {
    const [strict, , lenient] = cluster.servers;
    const token = { "X-Consul-Token": cluster.management.consul.managementToken };
    expect(await ask(strict, 8501, "/v1/kv/?keys", token)).toMatch(/CERTIFICATE_REQUIRED|ECONNRESET/);
    expect(await ask(lenient, 8501, "/v1/status/leader")).toBe(200);
    expect(await ask(lenient, 8501, "/v1/operator/raft/configuration")).toBe(403);
    expect(await ask(lenient, 8501, "/v1/operator/raft/configuration", token)).toBe(200);
  });

  test("is let in by Nomad, which asks for a token alone", async () => {
    const [server] = cluster.servers;
    const token = { "X-Nomad-Token": cluster.management.nomad.managementToken };
    expect(await ask(server, 4646, "/v1/agent/health")).toBe(200);
    expect(await ask(server, 4646, "/v1/nodes")).toBe(403);
    expect(await ask(server, 4646, "/v1/nodes", token)).toBe(200);
  });

  test("is no agent for a server that lets browsers in", async () => {
    const [, , { address }] = cluster.servers;
    const plain = connectTcp(8300, address);
    // Consul's servers speak TLS to each other after a byte of its own.
    plain.write(Buffer.from([3]));
    const secure = connect({ socket: plain, ca: cluster.management.consul.ca, servername: "server.dc1.consul" });
    const [error] = (await once(secure, "error")) as [NodeJS.ErrnoException];
    plain.destroy();
    expect(error.code).toMatch(/CERTIFICATE_REQUIRED|BAD_CERTIFICATE|ECONNRESET/);
  });
});

test("certificates of servers have the names that a load balancer is reached by", async () => {
  for (const port of [8501, 4646]) {
    const socket = connect({ host: cluster.servers[0].address, port, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const { subjectaltname } = socket.getPeerCertificate();
    socket.destroy();
    expect(subjectaltname?.split(", ")).toEqual(
      expect.arrayContaining(["DNS:consul.example.com", "IP Address:192.0.2.7"]),
    );
  }
});

test("each server knows that it is ready", async () => {
  for (const { host, name } of cluster.servers) {
    const { code, output } = await host.tool(["ready", "--wait", "60"]);
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringContaining(`${name} is ready: boot, consul-server, nomad-server, consul-grpc.\n`) as string,
    });
  }
});

test("agents show their new certificates without a restart", async () => {
  const [server] = cluster.servers;
  // Consul's HTTPS and RPC, Nomad's HTTPS. Nomad's RPC speaks TLS only after a byte of its own.
  const shown = () => Promise.all([8501, 8300, 4646].map((port) => shownBy(server, port)));
  const pids = () => [server.pid("consul"), server.pid("nomad")];
  const [before, running] = [await shown(), pids()];

  const { code, output } = await server.host.tool(["secrets", "--renew"]);

  expect({ code, output }).toExit(0);
  expect(output).toMatch(/Consul reloads its certificates.\n(.*\n)*Nomad reloads its certificates.\n/);
  await eventually(async () => {
    for (const [index, certificate] of (await shown()).entries()) expect(certificate).not.toBe(before[index]);
  });
  await eventually(expectTogether);
  expect(pids()).toEqual(running);
});

test("Nomad, which reads its certificate for Consul only at start, restarts for a new one", async () => {
  const [server] = cluster.servers;
  const before = { consul: server.pid("consul"), nomad: server.pid("nomad") };
  unlinkSync(server.host.path("/etc/nomad.d/tls/consul.pem"));
  // As when the program is interrupted after it has written the files: the next run must not forget the agents.
  expect(await server.host.tool(["secrets"])).toExit(0);

  const { code, output } = await server.host.tool(["secrets", "--reload"]);

  expect({ code, output }).toExit(0);
  expect(output).toContain("Nomad restarts to load its new certificate for Consul. Its tasks continue to run.\n");
  await eventually(async () => {
    expect(server.pid("nomad")).not.toBe(before.nomad);
    await expectTogether();
  }, 90_000);
  expect(server.pid("consul")).toBe(before.consul);
  expect(await server.host.tool(["secrets", "--reload"])).toMatchObject({
    output: "All files of this host are up to date.\n",
  });
});

describe("the CAs of the agents are rotated while everything runs:", () => {
  type Cas = { readonly ca: { readonly certificate: string }; readonly previousCa?: object };
  const cas = () => {
    const { consul, nomad } = documentsIn(cluster.store).cluster as Record<"consul" | "nomad", Cas>;
    return { consul, nomad };
  };
  const finished = ({ previousCa, ...rest }: Cas) => (previousCa === undefined ? {} : rest);
  const trusted = (server: LoopbackServer, file: string) =>
    server.host.read(`/etc/${file}`).match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n/g);
  /** Whether an agent proves itself to who trusts a CA and no other. */
  const proves = async ({ address }: LoopbackServer, port: number, ca: string) => {
    const servername = port === 4646 ? "server.global.nomad" : "server.dc1.consul";
    const socket = connect({ host: address, port, ca, servername, ALPNProtocols: ["h2", "http/1.1"] });
    const proved = await once(socket, "secureConnect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    return proved;
  };

  test("no step leaves a host behind, who knows only the old ones still knows the agents, a host that was off comes back", async () => {
    const [server] = cluster.servers;
    const { client } = cluster;
    const before = cas();
    expect(await client.host.tool(["secrets"])).toMatchObject({ code: 0 });
    await client.start(["consul"]);
    const alive = async () => {
      const members = await server.consul<{ Name: string; Status: number }[]>("/v1/agent/members");
      return members.filter(({ Status }) => Status === 1).map(({ Name }) => Name);
    };
    await eventually(async () => expect(await alive()).toContain("client-1"));
    await Promise.all(cluster.servers.map((each) => each.follow()));

    // One that does not follow is named, and waited for.
    const first = spawn(server.host.path(HOST_TOOL), ["--root", server.host.root, "rotate", "ca"], {
      env: { ...process.env, ...(await engineEnvironment()) },
    });
    let heard = "";
    first.stderr.on("data", (part: Buffer) => (heard += part.toString()));
    await eventually(() => {
      expect(heard).toMatch(/Waiting for all hosts to trust both CAs: client-1 did not report it yet\./);
      return Promise.resolve();
    }, 120_000);
    expect(cas().consul.ca).toEqual(before.consul.ca);
    for (const file of ["consul.d/tls/ca.pem", "nomad.d/tls/ca.pem", "nomad.d/tls/consul-ca.pem"]) {
      expect([file, trusted(server, file)?.length]).toEqual([file, 2]);
    }
    const killed = once(first, "exit");
    first.kill("SIGKILL");
    await killed;

    // One that is off is not waited for.
    await client.stop();
    await eventually(async () => expect(await alive()).not.toContain("client-1"), 90_000);
    const kept = await server.host.tool(["rotate", "ca", "--keep-old"]);
    expect(kept).toMatchObject({ code: 0 });
    expect(kept.output).toContain("A rotation of the CAs was interrupted. It is continued.\n");
    const after = cas();
    for (const engine of ["consul", "nomad"] as const) {
      expect(after[engine].ca).not.toEqual(before[engine].ca);
      expect(after[engine].previousCa).toEqual(before[engine].ca);
    }

    const { code, output } = await server.host.tool(["rotate", "ca"]);
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(cas()).toEqual({ consul: finished(after.consul), nomad: finished(after.nomad) });
    for (const each of cluster.servers) {
      for (const [file, { ca }] of [
        ["consul.d/tls/ca.pem", after.consul],
        ["nomad.d/tls/ca.pem", after.nomad],
        ["nomad.d/tls/consul-ca.pem", after.consul],
      ] as const) {
        expect([file, trusted(each, file)]).toEqual([file, [ca.certificate]]);
      }
      for (const [port, engine, other] of [
        [8501, "consul", "nomad"],
        [8503, "consul", "nomad"],
        [4646, "nomad", "consul"],
      ] as const) {
        const known = [after[engine], before[engine], after[other]].map(({ ca }) => proves(each, port, ca.certificate));
        expect([port, await Promise.all(known)]).toEqual([port, [true, true, false]]);
      }
    }

    expect(await client.host.tool(["secrets"])).toMatchObject({ code: 0 });
    await client.start(["consul"]);
    await eventually(async () => expect(await alive()).toContain("client-1"));
    await client.stop("SIGTERM");
    await Promise.all(cluster.servers.map((each) => each.unfollow()));
    await eventually(expectTogether);
  });
});

/** What a server says to a request with some token and some certificate. */
function ask({ address }: LoopbackServer, path: string, token: string, shown: { certificate: string; key: string }) {
  const { ca } = cluster.management.consul;
  const tls = { ca, cert: shown.certificate, key: shown.key, servername: "server.dc1.consul", agent: false };
  return new Promise<number | string>((resolve) => {
    const sent = request({ ...tls, host: address, port: 8501, path, headers: { "X-Consul-Token": token } }, (it) => {
      it.resume();
      resolve(it.statusCode ?? 0);
    });
    sent.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    sent.end();
  });
}

/** A host as the cluster knows it: in Consul's gossip and catalog, and as a node of Nomad. */
async function known(server: LoopbackServer, name: string) {
  const members = await server.consul<{ Name: string; Status: number }[]>("/v1/agent/members");
  const nodes = await server.nomad<{ Name: string; Status: string }[]>("/v1/nodes");
  return {
    member: members.find(({ Name }) => Name === name)?.Status,
    catalog: (await server.consul<object | null>(`/v1/catalog/node/${name}`)) !== null,
    node: nodes.find(({ Name }) => Name === name)?.Status,
  };
}

test("a client is ready before the access rules are applied, which waits for machines, and registers itself when they are", async () => {
  const [server] = cluster.servers;
  const { client } = cluster;
  const attach = (name: (typeof names)[number], ...policies: string[]) =>
    server.consul(`/v1/acl/token/${WELL_KNOWN_TOKENS[name]}`, "PUT", { Policies: policies.map((Name) => ({ Name })) });
  const reasons = async () => {
    const { parts } = JSON.parse((await client.host.tool(["status", "--json"])).output) as {
      parts: { name: string; reason: string }[];
    };
    return Object.fromEntries(parts.map(({ name, reason }) => [name, reason]));
  };
  await attach("consul-agent");
  expect(await client.host.tool(["secrets"])).toMatchObject({ code: 0 });
  await client.start();
  try {
    expect(await client.host.tool(["ready", "--wait", "60"])).toMatchObject({
      code: 0,
      output: expect.stringContaining("client-1 is ready: boot, consul-client, nomad-client, consul-grpc.\n") as string,
    });
    expect(await reasons()).toMatchObject({
      "consul-client": expect.stringMatching(
        /registers itself once the access rules \(AccessStack\) are applied/,
      ) as string,
      "nomad-client": "Nomad places jobs with sidecars here once the access rules (AccessStack) are applied.",
    });
  } finally {
    await attach("consul-agent", "agents");
  }
  await eventually(async () => {
    const { "consul-client": reason } = await reasons();
    expect(reason).toMatch(/^It has joined, and the leader is /);
  }, 90_000);
  await client.stop();
});

test("a host is excluded: what it has is of no use, and it is forgotten; tokens keep ids and policies, and older snapshots are updated", async () => {
  const [server] = cluster.servers;
  const { client } = cluster;
  type Tokens = Record<string, string>;
  const stored = () =>
    documentsIn(cluster.store).cluster as { tokens: Tokens; tokenRotation?: { step: string }; exclusion?: object };
  const exclude = (...options: string[]) => server.host.tool([...options, "exclude", "client-1"]);
  expect(await client.host.tool(["secrets"])).toMatchObject({ code: 0 });
  await client.start();
  await eventually(async () => {
    expect(await known(server, "client-1")).toEqual({ member: 1, catalog: true, node: "ready" });
  });
  // It joined with a key that other hosts know, and gets certificates for its own.
  const forged = "/v1/kv/meshform/hosts/x%2CDNS:server.dc1.consul/keys";
  const publicKey = execFileSync("openssl", [
    "pkey",
    "-in",
    server.host.path("/etc/consul.d/tls/agent-key.pem"),
    "-pubout",
  ]);
  await server.consul(forged, "PUT", { consul: publicKey.toString() });
  await Promise.all([...cluster.servers, client].map((each) => each.follow()));
  const joining = (documentsIn(cluster.store) as { client: Record<string, { key: string }> }).client;
  await eventually(async () => {
    for (const [engine, port] of [
      ["consul", 8501],
      ["nomad", 4646],
    ] as const) {
      const [certificate, key] = ["agent", "agent-key"].map((name) =>
        client.host.read(`/etc/${engine}.d/tls/${name}.pem`),
      );
      expect(key).not.toBe(joining[engine].key);
      const { fingerprint256, subjectAltName } = new X509Certificate(certificate);
      expect(subjectAltName).toContain(`DNS:client-1.client.${engine === "consul" ? "dc1" : "global"}.${engine}`);
      expect(await shownBy(client, port)).toBe(fingerprint256);
    }
    expect(await server.consul("/v1/kv/meshform/hosts/?keys")).toEqual(
      ["client-1", "server-1", "server-2", "server-3"].map((name) => `meshform/hosts/${name}`),
    );
  }, 60_000);
  // As at the next boot.
  const kept = await client.host.tool(["secrets"]);
  expect(kept).toEqual({ code: 0, output: "All files of this host are up to date.\n" });

  const early = await exclude("--wait", "1");
  expect(early).toMatchObject({ code: 1 });
  expect(early.output).toContain(
    "client-1 is an alive member of Consul, and would get the new secrets. Switch it off, or cut",
  );
  const other = await server.host.tool(["exclude", "server-2"]);
  expect(other).toMatchObject({ code: 1 });
  expect(other.output).toContain(
    "server-2 is a server, which knows all tokens, Nomad's signing keys and the key of the mesh CA.",
  );
  expect((await server.host.tool(["exclude", "client-2"])).output).toContain("There is no host named client-2.");
  expect(stored().exclusion).toBeUndefined();
  await client.stop();

  const before = { ...stored().tokens };
  const key = storedGossip().consul.primary;
  const policies = () => Promise.all(names.map(async (name) => (await token(name)).Policies));
  const allowed = await policies();
  expect(await server.host.tool(["snapshot", "--force"])).toMatchObject({ code: 0 });
  const [older] = snapshots()
    .filter((name) => name.startsWith("consul"))
    .slice(-1);

  // It went down while it reloaded its agents.
  await server.consul("/v1/kv/meshform/turn", "PUT", { host: "client-1", until: Date.now() / 1000 + 15 * 60 });
  const first = spawn(server.host.path(HOST_TOOL), ["--root", server.host.root, "exclude", "client-1"], {
    ...{ env: { ...process.env, ...(await engineEnvironment()) }, stdio: "ignore" },
  });
  await eventually(() => {
    expect(stored().tokenRotation?.step).toBe("stand-in");
    return Promise.resolve();
  }, 120_000);
  const killed = once(first, "exit");
  first.kill("SIGKILL");
  await killed;
  const { code, output } = await exclude();
  expect({ code, output }).toMatchObject({ code: 0 });
  expect(output).toContain("The exclusion of client-1 was interrupted. It is continued.\n");
  expect(output).toContain("A rotation of the tokens was interrupted. It is continued.\n");
  expect(storedGossip().consul.primary).not.toBe(key);
  await expectOneKey(3);
  expect(await known(server, "client-1")).toEqual({ member: undefined, catalog: false, node: undefined });

  const after = stored();
  expect([after.tokenRotation, after.exclusion]).toEqual([undefined, undefined]);
  const expectNew = async () => {
    for (const name of names) {
      expect(after.tokens[name]).not.toBe(before[name]);
      expect([name, (await token(name)).SecretID]).toEqual([name, after.tokens[name]]);
    }
    expect(await policies()).toEqual(allowed);
    const all = await server.consul<{ SecretID: string; Description: string }[]>("/v1/acl/tokens");
    expect(all.filter(({ Description }) => Description.includes("stands in"))).toEqual([]);
    expect(all.map(({ SecretID }) => SecretID).filter((it) => Object.values(before).includes(it))).toEqual([]);
  };
  await expectNew();
  for (const { host } of cluster.servers) {
    const agent = after.tokens["consul-agent"];
    expect(host.json("/etc/consul.d/secrets.json")).toMatchObject({ acl: { tokens: { agent, dns: agent } } });
    expect(host.json("/etc/nomad.d/secrets.json")).toMatchObject({ consul: { token: after.tokens["nomad-server"] } });
  }
  for (const secret of Object.values({ ...before, ...after.tokens })) expect(output).not.toContain(secret);
  await Promise.all(cluster.servers.map((each) => each.unfollow()));

  // Who has its disk starts its agents, and asks with its token and its certificate.
  const agent = await ask(server, "/v1/kv/?keys", before["consul-agent"], cluster.management.consul);
  expect(agent).toBe(403);
  const [certificate, own] = ["agent", "agent-key"].map((name) => client.host.read(`/etc/consul.d/tls/${name}.pem`));
  expect(await ask(server, "/v1/status/leader", "", { certificate, key: own })).toMatch(/UNKNOWN_CA|BAD_CERTIFICATE/);
  await client.start();
  await eventually(() => {
    expect(client.log("consul").slice(-20_000)).toMatch(/No installed keys could decrypt the message|failed to join/);
    expect(client.log("nomad").slice(-20_000)).toMatch(
      /tls: unknown certificate authority|certificate signed by unknown/,
    );
    return Promise.resolve();
  });
  expect(await known(server, "client-1")).toEqual({ member: undefined, catalog: false, node: undefined });
  await client.stop();

  expect(await server.host.tool(["restore", "--consul", older])).toMatchObject({ code: 0 });
  await eventually(expectNew);
});

describe("management tokens are rotated while everything runs:", () => {
  type Tokens = Readonly<Record<"consul" | "nomad", string>>;
  const current = (): Tokens => {
    const { consul, nomad } = cluster.management;
    return { consul: consul.managementToken, nomad: nomad.managementToken };
  };
  /** Whether each server accepts the tokens of both engines. */
  const accepted = async ({ consul, nomad }: Tokens) =>
    Promise.all(
      cluster.servers.flatMap((server) => [
        server.consul("/v1/acl/token/self", "GET", undefined, consul).then(
          () => true,
          () => false,
        ),
        server.nomad("/v1/acl/token/self", "GET", undefined, nomad).then(
          () => true,
          () => false,
        ),
      ]),
    );
  const all = (value: boolean) => Array<boolean>(6).fill(value);

  test("the former ones are refused, and when an older snapshot brings them back there are new ones again", async () => {
    const [server, other] = cluster.servers;
    const first = current();
    await writeMemory(server);
    expect(await server.host.tool(["snapshot", "--force"])).toExit(0);
    const [consul, nomad] = ["consul", "nomad"].map((engine) =>
      snapshots()
        .filter((name) => name.startsWith(engine))
        .at(-1),
    ) as [string, string];
    const rotated = [await server.host.tool(["rotate", "management-tokens"])];
    const second = current();
    rotated.push(await server.host.tool(["rotate", "management-tokens"]));
    const third = current();
    for (const outcome of rotated) expect(outcome).toExit(0);
    expect(await accepted(first)).toEqual(all(false));
    expect(await accepted(second)).toEqual(all(false));
    expect(await accepted(third)).toEqual(all(true));

    const restored = await other.host.tool(["restore", "--consul", consul, "--nomad", nomad]);
    expect(restored).toExit(0);
    const fourth = current();
    expect(restored.output).toContain(
      "Consul knows only a former management token. It is used until there is a new one.\n",
    );
    expect(new Set([first, second, third, fourth].flatMap((it) => Object.values(it))).size).toBe(8);
    await eventually(async () => expect(await accepted(fourth)).toEqual(all(true)));
    for (const former of [first, second, third]) expect(await accepted(former)).toEqual(all(false));
    expect(await server.host.tool(["ready", "--wait", "60"])).toExit(0);
    await memory(server);

    for (const secret of [first, second, third, fourth].flatMap((it) => Object.values(it))) {
      expect([...rotated, restored].map(({ output }) => output).join("")).not.toContain(secret);
    }
  });
});

test("servers that are told at once to restart Consul do so one after the other", async () => {
  const before = cluster.servers.map((server) => server.pid("consul"));
  const listens = async ({ address }: LoopbackServer) => {
    const socket = connectTcp(8300, address);
    const listening = await new Promise<boolean>((resolve) => {
      socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    });
    socket.destroy();
    return listening;
  };
  const counts: number[] = [];
  const watching = setInterval(() => {
    void Promise.all(cluster.servers.map(listens)).then((all) => counts.push(all.filter(Boolean).length));
  }, 100);
  const outcomes = await Promise.all(cluster.servers.map(({ host }) => host.tool(["restart", "consul"])));
  clearInterval(watching);

  for (const outcome of outcomes) expect(outcome).toExit(0);
  const said = outcomes.map(({ output }) => output).join("");
  expect(said).toMatch(/Waiting for this host's turn .*: server-\d restarts or reloads its agents, until /);
  for (const [index, server] of cluster.servers.entries()) expect(server.pid("consul")).not.toBe(before[index]);
  expect(Math.min(...counts)).toBe(2);
  await expectTogether();
});

/** Whether autopilot of both engines counts on all three servers. */
async function expectHealthy(): Promise<void> {
  const [server] = cluster.servers;
  const path = "/v1/operator/autopilot/health";
  expect(await server.consul(path)).toMatchObject({ FailureTolerance: 1 });
  expect(await server.nomad(path)).toMatchObject({ FailureTolerance: 1 });
}

describe("snapshots in a bucket", () => {
  let moto: Moto;
  let env: Readonly<Record<string, string>>;
  const bucket = (): BucketSnapshotStore => ({
    ...{ type: "s3", bucket: "snapshots", prefix: "dc1/", region: "eu-central-1", endpoint: moto.endpoint },
  });

  beforeAll(async () => {
    moto = await startMoto();
    const engines = await engineEnvironment();
    env = { ...moto.environment, PATH: [moto.environment.PATH, engines.PATH].join(delimiter) };
    await moto.createBucket(bucket());
  }, 30 * 60_000);

  afterAll(() => moto.stop());

  test("are saved there, only so many of them, and brought back by any server", async () => {
    const [server, , other] = cluster.servers;
    const config = "/etc/meshform/host.json";
    const before = [server, other].map(({ host }) => host.read(config));
    for (const { host } of [server, other]) {
      host.write(
        config,
        JSON.stringify({ ...(host.json(config) as object), snapshots: { store: bucket(), retain: 2 } }),
      );
    }
    try {
      for (let n = 0; n < 3; n++) {
        const { code, output } = await server.host.tool(["snapshot", "--force"], env);
        expect({ code, output }).toExit(0);
        expect(output).toMatch(/Saved s3:\/\/snapshots\/dc1\/consul-\d{8}T\d{6}Z\.snap, \d+ bytes\./);
      }
      const kept = await moto.objects(bucket());
      expect(kept.map((key) => key.replace(/-2\w+/, ""))).toEqual(
        ["consul", "consul", "nomad", "nomad"].map((engine) => `dc1/${engine}.snap`),
      );
      await server.nomad("/v1/var/later", "PUT", { Path: "later", Items: { open: "no" } });
      await moto.put(bucket(), "nomad-29991231T000000Z.snap", "broken");

      const { code, output } = await other.host.tool(["restore"], env);
      expect({ code, output }).toExit(0);
      expect(output).toContain("nomad-29991231T000000Z.snap is skipped: `nomad operator …` failed: ");
      expect(output).toMatch(/Consul has restored consul-2\w+\.snap\.\n(.*\n)*Nomad has restored nomad-20\w+\.snap\./);
      await expect(server.nomad("/v1/var/later")).rejects.toThrow("404");
    } finally {
      for (const [index, { host }] of [server, other].entries()) host.write(config, before[index]);
    }
  });

  test("are as old as the metrics say, which also have what the servers tolerate and how long certificates are valid", async () => {
    await eventually(expectHealthy, 90_000); // After a restore, autopilot considers servers unhealthy for a while.
    const config = "/etc/meshform/host.json";
    const before = cluster.servers.map(({ host }) => host.read(config));
    const healthMetrics = {
      type: "cloudwatch",
      namespace: "Meshform/dc1",
      region: "eu-central-1",
      endpoint: moto.endpoint,
    };
    try {
      for (const { host } of cluster.servers) {
        const own = { snapshots: { store: bucket(), retain: 2 }, healthMetrics };
        host.write(config, JSON.stringify({ ...(host.json(config) as object), ...own }));
        const { code, output } = await host.tool(["metrics", "--once"], env);
        expect({ code, output }).toEqual({ code: 0, output: "" });
      }
      const known = await moto.metrics("Meshform/dc1");
      const put = (name: string, dimensions: object) =>
        known.filter((it) => it.name === name && JSON.stringify(it.dimensions) === JSON.stringify(dimensions));
      for (const Engine of ["consul", "nomad"]) {
        // By the leader alone.
        expect(put("FailureTolerance", { Engine })).toMatchObject([{ count: 1, least: 1, most: 1 }]);
        const [{ count, most }] = put("SnapshotAgeSeconds", { Engine });
        expect({ count, isRecent: most < 15 * 60 }).toEqual({ count: 1, isRecent: true });
      }
      const days = (Kind: string) =>
        put("CertificateDaysLeft", { Kind }).map(({ count, least }) => [count, Math.ceil(least)]);
      expect({ agent: days("agent"), ca: days("ca") }).toEqual({ agent: [[3, 365]], ca: [[3, 3650]] });
      expect(known).toHaveLength(6);
    } finally {
      for (const [index, { host }] of cluster.servers.entries()) host.write(config, before[index]);
    }
  });
});

test("new servers with the same store begin with the newest good snapshot, never with nothing, and clients find them at other addresses", async () => {
  const { client } = cluster;
  expect(await client.host.tool(["secrets"])).toExit(0);
  await client.start();
  await client.follow();
  const clientNode = async () => {
    const [node] = await cluster.servers[0].consul<object[]>("/v1/health/node/client-1");
    return node;
  };
  await eventually(async () => expect(await clientNode()).toMatchObject({ CheckID: "serfHealth", Status: "passing" }));
  const [old] = cluster.servers;
  const before = { ...(await memory(old)), client: await clientNode() };
  expect(before.policies).toEqual(["agents"]);
  expect(await old.host.tool(["snapshot", "--force"])).toExit(0);
  writeFileSync(join(cluster.snapshots, "consul-29991231T000000Z.snap"), "broken");
  const former = cluster.management;
  expect(await old.host.tool(["rotate", "management-tokens"])).toExit(0);
  const pid = client.pid("consul");

  await cluster.replaceAll();
  const [server, , last] = cluster.servers;
  const prepared = await Promise.all(cluster.servers.map(({ host }) => host.tool(["secrets"])));
  expect(prepared.map(({ code }) => code)).toEqual([0, 0, 0]);
  await Promise.all(cluster.servers.map((each) => each.start()));
  const acl = (servers: readonly LoopbackServer[], ...options: string[]) =>
    Promise.all(servers.map(({ host }) => host.tool([...options, "acl"])));

  // The third has not said yet that it knows nothing.
  for (const { code, output } of await acl(cluster.servers.slice(0, 2), "--wait", "30")) {
    expect({ code, output }).toExit(1);
    expect(output).toMatch(
      /Consul of this cluster existed before, but this server and \d others do not have its state, and there is no leader\./,
    );
    expect(output).toContain(
      "or `meshform-host recover --empty` to start with an empty state. 2 of 3 servers are new.\n",
    );
  }
  expect(await last.host.tool(["--wait", "1", "restore"])).toExit(1);

  const outcomes = await acl(cluster.servers);
  const said = outcomes.map(({ output }) => output).join("");
  expect(outcomes.filter(({ code }) => code !== 0)).toEqual([]);
  expect(said).toContain("consul-29991231T000000Z.snap is skipped: ");
  for (const engine of ["Consul", "Nomad"]) {
    expect(
      said.match(new RegExp(`Restored \\S+\\.snap for ${engine}, which restarts with that state\\.`, "g")),
    ).toHaveLength(1);
  }
  expect(said).not.toMatch(/Bootstrapped|Created token/);
  // The snapshot knows a management token from before.
  for (const engine of ["consul", "nomad"] as const) {
    const path = "/v1/acl/token/self";
    expect(cluster.management[engine].managementToken).not.toBe(former[engine].managementToken);
    await expect(server[engine](path, "GET", undefined, former[engine].managementToken)).rejects.toThrow(/40[34]/);
  }

  // Its registration has the same indices: the new leader has removed nobody whom it had not met.
  await eventually(async () => expect({ ...(await memory(server)), client: await clientNode() }).toEqual(before));
  // The agent that has found them is the one that knew the lost ones.
  expect(client.pid("consul")).toBe(pid);
  expect(client.followed()).toMatch(
    /All servers that Consul knew here are gone\. Its agent has joined 127\.\S+\.[456]\./,
  );
  await client.stop("SIGTERM");
  await eventually(async () => {
    await expectTogether();
    for (const each of cluster.servers) expect(await each.voters()).toEqual({ consul: 3, nomad: 3 });
    const nodes = await server.consul<{ Node: { Node: string; ID: string } }[]>("/v1/health/service/consul?passing");
    expect(nodes.map(({ Node }) => Node.Node).sort()).toEqual(cluster.servers.map(({ name }) => name));
  }, 90_000);
  for (const { host } of cluster.servers) {
    for (const engine of ["consul", "nomad"]) {
      expect(readdirSync(host.path(`/etc/${engine}.d`))).not.toContain(`${engine}.json.waiting`);
      expect(readFileSync(host.path(`/etc/${engine}.d/${engine}.json`), "utf8")).toContain("bootstrap_expect");
    }
  }
});
