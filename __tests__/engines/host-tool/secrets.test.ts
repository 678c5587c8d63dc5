import { spawn } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  statSync,
  renameSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { TLSSocket } from "node:tls";
import { HOST_TOOL, type HostToolConfig } from "../../../constructs/linux/host-tool/host-tool";
import { federationSecretName, type AwsSecretStore } from "../../../constructs/aws/platform/secret-store";
import { documentFile, documentsIn, engineEnvironment, FolderHost, secretsIn, USERS } from "../../support/host-tool";
import { eventually } from "../../support/eventually";
import { run } from "../../support/lab";
import { startMoto, type Moto } from "../../support/moto";

jest.setTimeout(5 * 60_000);

const SERVER = ["consul-server", "nomad-server"] as const;
const CLIENT = ["consul-client", "nomad-client"] as const;
let folder: string;
let store: string;
let said: string;

beforeAll(() => engineEnvironment(), 20 * 60_000);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshform-secrets-"));
  store = join(folder, "store");
  mkdirSync(store, { mode: 0o700 });
  said = "";
});

afterEach(() => rmSync(folder, { recursive: true }));

function host(name: string, config: Partial<HostToolConfig>): FolderHost {
  const whole: HostToolConfig = {
    store: { type: "directory", path: store },
    ...{ roles: SERVER, node: name, address: "10.0.0.10" },
    ...config,
  };
  return new FolderHost(join(folder, name), whole);
}

/** Runs `secrets`, which must succeed. */
async function secrets(target: FolderHost, ...options: string[]): Promise<string> {
  const { code, output } = await target.tool(["secrets", ...options]);
  expect({ code, output }).toExit(0);
  said += output;
  return output;
}

interface EngineSecrets {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

type Documents = Readonly<
  Record<
    "client" | "operator" | "management" | "prometheus",
    { consul: EngineSecrets; nomad: EngineSecrets; tokens: object }
  >
> & {
  readonly cluster: {
    consul: { ca: EngineSecrets; gossip: { primary: string }; managementToken: string };
    nomad: { ca: EngineSecrets; gossip: { primary: string }; managementToken: string };
    tokens: Record<string, string>;
  };
};

function documents(): Documents {
  return documentsIn(store) as unknown as Documents;
}

/** What a certificate says, provided the CA has signed it. */
function certificate(pem: string, ca: string) {
  const parsed = new X509Certificate(pem);
  expect(parsed.verify(new X509Certificate(ca).publicKey)).toBe(true);
  return {
    subject: parsed.subject,
    names: parsed.subjectAltName?.split(", ").sort(),
    days: Math.round((Date.parse(parsed.validTo) - Date.now()) / (24 * 60 * 60_000)),
  };
}

describe("a server", () => {
  test("writes what its agents need, each file for its agent's eyes only", async () => {
    const server = host("server-1", {});
    await secrets(server);
    const { cluster } = documents();

    expect(server.json("/etc/consul.d/secrets.json")).toEqual({
      encrypt: cluster.consul.gossip.primary,
      acl: { tokens: { agent: cluster.tokens["consul-agent"], dns: cluster.tokens["consul-agent"] } },
    });
    expect(server.json("/etc/nomad.d/secrets.json")).toEqual({
      server: { encrypt: cluster.nomad.gossip.primary },
      consul: { token: cluster.tokens["nomad-server"] },
    });
    const files = Object.entries(server.written()).map(([path, { mode, owner }]) => [path, `${mode} ${owner}`]);
    expect(Object.fromEntries(files)).toEqual({
      "/etc/consul.d": `750 ${USERS.consul}`,
      "/etc/consul.d/secrets.json": `600 ${USERS.consul}`,
      "/etc/consul.d/tls": `750 ${USERS.consul}`,
      "/etc/consul.d/tls/ca.pem": `640 ${USERS.consul}`,
      "/etc/consul.d/tls/callers.pem": `640 ${USERS.consul}`,
      "/etc/consul.d/tls/agent.pem": `640 ${USERS.consul}`,
      "/etc/consul.d/tls/agent-key.pem": `600 ${USERS.consul}`,
      "/etc/nomad.d": `750 ${USERS.nomad}`,
      "/etc/nomad.d/secrets.json": `600 ${USERS.nomad}`,
      "/etc/nomad.d/tls": `750 ${USERS.nomad}`,
      "/etc/nomad.d/tls/ca.pem": `640 ${USERS.nomad}`,
      "/etc/nomad.d/tls/agent.pem": `640 ${USERS.nomad}`,
      "/etc/nomad.d/tls/agent-key.pem": `600 ${USERS.nomad}`,
      "/etc/nomad.d/tls/consul-ca.pem": `640 ${USERS.nomad}`,
      "/etc/nomad.d/tls/consul.pem": `640 ${USERS.nomad}`,
      "/etc/nomad.d/tls/consul-key.pem": `600 ${USERS.nomad}`,
    });
    for (const name of readdirSync(store)) {
      const modes = await run("stat", ["-c", "%a", join(store, name), documentFile(store, name)]);
      expect(modes.output).toBe("700\n600\n");
    }
  });

  test("has certificates of its own, for its names and addresses", async () => {
    const server = host("server-1", { consulDatacenter: "west", nomadRegion: "europe" });
    await secrets(server);
    const { cluster } = documents();

    expect(certificate(server.read("/etc/consul.d/tls/agent.pem"), cluster.consul.ca.certificate)).toEqual({
      subject: "CN=server.west.consul",
      names: [
        "DNS:localhost",
        "DNS:server-1.server.west.consul",
        "DNS:server.west.consul",
        "IP Address:10.0.0.10",
        "IP Address:127.0.0.1",
      ],
      days: 365,
    });
    expect(certificate(server.read("/etc/nomad.d/tls/agent.pem"), cluster.nomad.ca.certificate)).toEqual({
      subject: "CN=server.europe.nomad",
      names: ["DNS:localhost", "DNS:server.europe.nomad", "IP Address:10.0.0.10", "IP Address:127.0.0.1"],
      days: 365,
    });
    const authority = certificate(cluster.consul.ca.certificate, cluster.consul.ca.certificate);
    expect(authority.days).toBe(3650);
  });

  test("asks the host for its address where it is told none", async () => {
    const server = host("server-1", { address: undefined });
    await secrets(server);
    const { names = [] } = certificate(
      server.read("/etc/nomad.d/tls/agent.pem"),
      server.read("/etc/nomad.d/tls/ca.pem"),
    );
    const { output } = await run("ip", ["-4", "-oneline", "address"]);
    const known = [...output.matchAll(/inet ([\d.]+)\//g)].map(([, address]) => `IP Address:${address}`);
    const addresses = names.filter((name) => name.startsWith("IP"));
    expect(addresses.length).toBeGreaterThan(1);
    expect(known).toEqual(expect.arrayContaining(addresses));
  });

  test("keeps everything over a reboot, and touches no file", async () => {
    const server = host("server-1", {});
    await secrets(server);
    const [before, stored] = [server.written(), documentsIn(store)];
    for (const path of Object.keys(before)) utimesSync(server.path(path), 1000, 1000);

    expect(await secrets(server)).toBe("All files of this host are up to date.\n");

    expect(documentsIn(store)).toEqual(stored);
    for (const [path, { content, changed }] of Object.entries(server.written())) {
      expect({ path, content, changed }).toEqual({ path, content: before[path].content, changed: 1_000_000 });
    }
  });

  test("corrects what differs: content, mode and owner", async () => {
    const server = host("server-1", {});
    await secrets(server);
    const before = server.written();
    server.write("/etc/consul.d/secrets.json", "{}");
    chmodSync(server.path("/etc/nomad.d/tls/agent-key.pem"), 0o644);
    await run("chown", ["0:0", server.path("/etc/consul.d/tls/agent-key.pem")]);

    expect((await secrets(server)).trim().split("\n").sort()).toEqual(
      ["/etc/consul.d/secrets.json", "/etc/consul.d/tls/agent-key.pem", "/etc/nomad.d/tls/agent-key.pem"].map(
        (path) => `Wrote ${server.path(path)}.`,
      ),
    );
    const unchanged = (files: typeof before) =>
      Object.entries(files).map(([path, { mode, owner, content }]) => ({ path, mode, owner, content }));
    expect(unchanged(server.written())).toEqual(unchanged(before));
  });

  test("may run a Nomad server beside a Consul client", async () => {
    const server = host("nomad-1", { roles: ["consul-client", "nomad-server"] });
    await secrets(server);
    const { cluster, client } = documents();
    expect(server.read("/etc/consul.d/tls/agent.pem")).toBe(client.consul.certificate);
    const { subject } = certificate(server.read("/etc/nomad.d/tls/agent.pem"), cluster.nomad.ca.certificate);
    expect(subject).toBe("CN=server.global.nomad");
  });

  test("that only fills the store writes no file of its host", async () => {
    const server = host("server-1", {});
    expect(await secrets(server, "--only-store")).toContain("Created secret cluster.\n");
    expect(readdirSync(server.path("/etc")).sort()).toEqual(["meshform", "passwd"]);
    expect(await secrets(server, "--only-store")).toBe("The store has every secret.\n");
  });
});

describe("a client", () => {
  test("gets the two tokens that are a client's, and certificates of a day with which it joins", async () => {
    await secrets(host("server-1", {}));
    const client = host("client-1", { roles: CLIENT });
    await secrets(client);
    const { cluster, client: shared } = documents();

    const agent = cluster.tokens["consul-agent"];
    expect(client.json("/etc/consul.d/secrets.json")).toEqual({
      encrypt: cluster.consul.gossip.primary,
      // Its own, with which the host has its agent join servers again.
      acl: { tokens: { agent, dns: agent, agent_recovery: expect.stringMatching(/^[-0-9a-f]{36}$/) as string } },
    });
    expect(client.json("/etc/nomad.d/secrets.json")).toEqual({ consul: { token: cluster.tokens["nomad-client"] } });
    expect(certificate(client.read("/etc/consul.d/tls/agent.pem"), cluster.consul.ca.certificate)).toMatchObject({
      ...{ subject: "CN=client.dc1.consul", names: ["DNS:client.dc1.consul", "DNS:localhost", "IP Address:127.0.0.1"] },
    });
    expect(certificate(client.read("/etc/nomad.d/tls/agent.pem"), cluster.nomad.ca.certificate)).toMatchObject({
      ...{
        subject: "CN=client.global.nomad",
        names: ["DNS:client.global.nomad", "DNS:localhost", "IP Address:127.0.0.1"],
      },
    });
    for (const engine of ["consul", "nomad"] as const) {
      expect(client.read(`/etc/${engine}.d/tls/agent-key.pem`)).toBe(shared[engine].key);
      const { validFrom, validTo } = new X509Certificate(shared[engine].certificate);
      expect(new Date(validTo).getTime() - new Date(validFrom).getTime()).toBe(24 * 60 * 60 * 1000);
    }
    // Nomad's clients are root.
    for (const [path, { owner }] of Object.entries(client.written())) {
      expect({ path, owner }).toEqual({ path, owner: path.startsWith("/etc/nomad.d") ? 0 : USERS.consul });
    }
  });

  test("learns nothing that only servers may know", async () => {
    await secrets(host("server-1", {}));
    const client = host("client-1", { roles: CLIENT });
    await secrets(client);
    const { cluster, client: shared } = documents();
    const readable = [JSON.stringify(shared), ...Object.values(client.written()).map(({ content }) => content)].join(
      "",
    );
    const { consul, nomad, tokens } = cluster;
    for (const secret of [
      ...[consul.ca.key, nomad.ca.key, consul.managementToken, nomad.managementToken, nomad.gossip.primary],
      ...["nomad-server", "prometheus", "operator"].map((name) => tokens[name] ?? ""),
    ]) {
      expect(secret).not.toBe("");
      expect(readable).not.toContain(JSON.stringify(secret).slice(1, -1));
      expect(readable).not.toContain(secret);
    }
  });

  test("goes on as soon as the first server has written its secrets", async () => {
    const client = host("client-1", { roles: CLIENT });
    const env = { ...process.env, ...(await engineEnvironment()) };
    const waiting = spawn(client.path(HOST_TOOL), ["--root", client.root, "secrets"], { env });
    const ended = once(waiting, "close");
    const [first] = (await once(waiting.stderr, "data")) as [Buffer];
    expect(first.toString()).toContain("Secret client is not in the store yet.");

    await secrets(host("server-1", {}));

    expect(await ended).toEqual([0, null]);
    expect(client.read("/etc/consul.d/tls/ca.pem")).toBe(documents().cluster.consul.ca.certificate);
  });
});

test("people, who applies access rules and Prometheus have certificates and tokens of their own", async () => {
  await secrets(host("server-1", {}));
  const { cluster, operator, management, prometheus } = documents();
  expect(management).toMatchObject({
    consul: { ca: cluster.consul.ca.certificate, managementToken: cluster.consul.managementToken },
    nomad: { ca: cluster.nomad.ca.certificate, managementToken: cluster.nomad.managementToken },
    tokens: {},
  });
  expect(operator.tokens).toEqual({ operator: cluster.tokens.operator });
  expect(prometheus.tokens).toEqual({ prometheus: cluster.tokens.prometheus });
  for (const { consul, nomad } of [operator, prometheus]) {
    expect([consul, nomad].map((engine) => Object.keys(engine).sort())).toEqual([
      ["ca", "certificate", "key"],
      ["ca", "certificate", "key"],
    ]);
  }
  const keys = [operator, management, prometheus].flatMap(({ consul, nomad }) => [consul.key, nomad.key]);
  expect(new Set(keys).size).toBe(6);
  for (const { consul, nomad } of [operator, management, prometheus]) {
    expect(certificate(consul.certificate, cluster.consul.ca.certificate).subject).toBe("CN=cli.dc1.consul");
    expect(certificate(nomad.certificate, cluster.nomad.ca.certificate).subject).toBe("CN=cli.global.nomad");
  }
});

describe("a server's certificate is renewed", () => {
  const path = "/etc/consul.d/tls/agent.pem";

  async function isRenewed(before: HostToolConfig, change: () => Promise<HostToolConfig> | HostToolConfig) {
    const first = host("server-1", before);
    await secrets(first);
    const old = first.read(path);
    const second = host("server-1", await change());
    await secrets(second);
    const renewed = second.read(path);
    certificate(renewed, documents().cluster.consul.ca.certificate);
    return renewed !== old;
  }
  const config = (): HostToolConfig => ({
    store: { type: "directory", path: store },
    roles: SERVER,
    address: "10.0.0.10",
  });

  test("when it soon expires", async () => {
    const soon = { ...config(), certificates: { days: 20, renewalDays: 10 } };
    expect(await isRenewed(soon, () => soon)).toBe(false);
    expect(await isRenewed(soon, config)).toBe(true);
  });

  test("when the host has another address", async () => {
    expect(await isRenewed(config(), () => ({ ...config(), address: "10.0.0.11" }))).toBe(true);
  });

  test("when another CA has signed it", async () => {
    const other = join(folder, "other");
    mkdirSync(other, { mode: 0o700 });
    expect(
      await isRenewed(config(), () => {
        store = other;
        return config();
      }),
    ).toBe(true);
  });

  test("when its key is another's", async () => {
    const [one, two] = [host("server-1", {}), host("server-2", {})];
    await secrets(one);
    await secrets(two);
    one.write("/etc/consul.d/tls/agent-key.pem", two.read("/etc/consul.d/tls/agent-key.pem"));
    expect(await secrets(one)).toContain("/etc/consul.d/tls/agent.pem.\n");
  });

  test("when it is broken", async () => {
    const server = host("server-1", {});
    await secrets(server);
    server.write(path, "-----BEGIN CERTIFICATE-----\nhalf a cert");
    expect(await secrets(server)).toContain(`Wrote ${server.path(path)}.\n`);
  });

  test("when it is asked for, and agents that do not run are not missed", async () => {
    const server = host("server-1", {});
    await secrets(server);
    const old = server.read(path);
    expect(await secrets(server, "--renew")).not.toContain("again");
    expect(server.read(path)).not.toBe(old);
  });
});

test("shared certificates are rotated in the store, and hosts fetch them", async () => {
  const server = host("server-1", {});
  const client = host("client-1", { roles: CLIENT });
  await secrets(server);
  await secrets(client);
  const before = documents();

  expect(await server.tool(["rotate", "certificates"])).toExit(0);

  const after = documents();
  expect(after.cluster).toEqual(before.cluster);
  for (const name of ["client", "operator", "management", "prometheus"] as const) {
    for (const engine of ["consul", "nomad"] as const) {
      expect(after[name][engine].key).not.toBe(before[name][engine].key);
      certificate(after[name][engine].certificate, after.cluster[engine].ca.certificate);
    }
  }
  await secrets(client, "--reload");
  expect(client.read("/etc/nomad.d/tls/agent.pem")).toBe(after.client.nomad.certificate);
  expect(client.read("/etc/consul.d/tls/agent-key.pem")).toBe(after.client.consul.key);
});

test("Nomad proves itself to the Consul agent of its own host by a key that no other host has, and that stays", async () => {
  const hosts = [host("server-1", {}), host("client-1", { roles: CLIENT }), host("client-2", { roles: CLIENT })];
  for (const each of hosts) await secrets(each);
  const keys = () => hosts.map((each) => each.read("/etc/nomad.d/tls/consul-key.pem"));
  const before = keys();
  expect(new Set(before).size).toBe(3);
  const stored = JSON.stringify(documents());
  for (const [index, each] of hosts.entries()) {
    expect(stored).not.toContain(JSON.stringify(before[index]).slice(1, -1));
    const own = each.read("/etc/nomad.d/tls/consul.pem");
    const { ca, subject } = new X509Certificate(own);
    expect({ ca, subject }).toEqual({ ca: false, subject: "CN=nomad" });
    expect(each.read("/etc/consul.d/tls/callers.pem")).toBe(documents().client.consul.ca + own);
  }
  expect(await hosts[0].tool(["rotate", "certificates"])).toExit(0);
  for (const each of hosts) await secrets(each);
  expect(keys()).toEqual(before);
});

test("a token that is new in this version joins a cluster that is older", async () => {
  const server = host("server-1", {});
  await secrets(server);
  const { cluster } = documents();
  const { operator, ...older } = cluster.tokens;
  writeFileSync(documentFile(store, "cluster"), JSON.stringify({ ...cluster, tokens: older }));
  await secrets(server);
  const { tokens } = documents().cluster;
  expect(tokens).toEqual({ ...older, operator: expect.any(String) as string });
  expect(tokens.operator).not.toBe(operator);
  expect(documents().operator.tokens).toEqual({ operator: tokens.operator });
});

test("two servers that add a new token at once agree on it", async () => {
  const [one, two] = [host("server-1", {}), host("server-2", {})];
  await secrets(one);
  const { cluster } = documents();
  for (let round = 0; round < 3; round++) {
    const older = Object.entries(cluster.tokens).filter(([name]) => !["operator", "prometheus"].includes(name));
    writeFileSync(documentFile(store, "cluster"), JSON.stringify({ ...cluster, tokens: Object.fromEntries(older) }));
    const outcomes = await Promise.all([one, two].map((server) => server.tool(["secrets"])));
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    const said = outcomes.map(({ output }) => output).join("");
    expect(said.split("Renewed secret cluster.")).toHaveLength(2);
    const { tokens } = documents().cluster;
    expect(documents().operator.tokens).toEqual({ operator: tokens.operator });
    expect(documents().prometheus.tokens).toEqual({ prometheus: tokens.prometheus });
  }
});

test("a server corrects documents that no longer follow from the cluster's", async () => {
  const server = host("server-1", {});
  await secrets(server);
  const { client } = documents();
  writeFileSync(documentFile(store, "client"), JSON.stringify({ ...client, tokens: {} }));
  rmSync(documentFile(store, "prometheus"));
  expect(await secrets(server)).toMatch(/Renewed secret client.\nCreated secret prometheus.\n/);
  expect(documents().client).toEqual(client);
});

test("a server that is killed at any moment leaves a state that the next boot completes", async () => {
  const env = { ...process.env, ...(await engineEnvironment()) };
  const server = host("server-1", {});
  let killed = 0;
  for (let milliseconds = 100; killed < 12 && milliseconds < 20_000; milliseconds += 100) {
    const booting = spawn(server.path(HOST_TOOL), ["--root", server.root, "secrets"], { env, stdio: "ignore" });
    const ended = once(booting, "exit") as Promise<[number | null, string | null]>;
    const timer = setTimeout(() => booting.kill("SIGKILL"), milliseconds);
    const [, signal] = await ended;
    clearTimeout(timer);
    if (signal === null) break;
    killed += 1;
    for (const document of Object.values(documentsIn(store))) expect(document).toHaveProperty("consul.ca");
  }
  expect(killed).toBeGreaterThan(1);
  const kept = documentsIn(store).cluster;

  await secrets(server);
  await secrets(host("server-2", {}));

  if (kept !== undefined) expect(documentsIn(store).cluster).toEqual(kept);
  expect(await secrets(server)).toBe("All files of this host are up to date.\n");
});

describe("no secret and no key", () => {
  test("is ever printed", async () => {
    const [server, client] = [host("server-1", {}), host("client-1", { roles: CLIENT })];
    await secrets(server);
    await secrets(client);
    await secrets(server, "--renew");
    said += (await server.tool(["rotate", "certificates"])).output;
    await secrets(client);
    const all = secretsIn(documentsIn(store));
    expect(all.length).toBeGreaterThan(20);
    for (const secret of all) {
      expect(said).not.toContain(secret);
      for (const line of secret.split("\n").filter((line) => line.length > 16 && !line.startsWith("---"))) {
        expect(said).not.toContain(line);
      }
    }
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("is left in a temporary folder after %s", async (signal) => {
    const { temporary, ended } = await endedAmid(signal);
    expect(ended).toEqual([{ SIGTERM: 143, SIGINT: 130, SIGHUP: 129 }[signal], null]);
    expect(readdirSync(temporary)).toEqual([]);
  });

  test("is left in a temporary folder after kill -9 for longer than to the next run", async () => {
    const { server, temporary } = await endedAmid("SIGKILL");
    const [left] = readdirSync(temporary);
    expect(left).toMatch(/^meshform-private-/);
    // What is a second old may belong to a run that has just begun.
    utimesSync(join(temporary, left), 1000, 1000);
    mkdirSync(join(temporary, "meshform-other"));
    expect(await server.tool(["secrets"], { TMPDIR: temporary })).toExit(0);
    expect(readdirSync(temporary)).toEqual(["meshform-other"]);
  });

  /** A run that gets a signal while a command of Consul runs in its private folder. */
  async function endedAmid(signal: NodeJS.Signals) {
    const temporary = join(folder, "tmp");
    const slow = join(folder, "slow");
    for (const path of [temporary, slow]) mkdirSync(path);
    writeFileSync(join(slow, "consul"), "#!/bin/sh\necho secret > key\necho begun >&2\nexec sleep 30\n", {
      mode: 0o755,
    });
    const server = host("server-1", {});
    const env = { ...process.env, TMPDIR: temporary, PATH: [slow, process.env.PATH ?? ""].join(delimiter) };
    const running = spawn(server.path(HOST_TOOL), ["--root", server.root, "secrets"], { env, stdio: "ignore" });
    const ended = once(running, "exit");
    await eventually(() => {
      const [own] = readdirSync(temporary);
      expect(readdirSync(join(temporary, own), { recursive: true }).map(String)).toEqual(
        expect.arrayContaining([expect.stringMatching(/\/key$/)]),
      );
      return Promise.resolve();
    });
    running.kill(signal);
    return { server, temporary, ended: await ended };
  }

  test("is left in a temporary folder, whether keys were made or not", async () => {
    const temporary = join(folder, "tmp");
    mkdirSync(temporary);
    const server = host("server-1", {});
    expect(await server.tool(["secrets"], { TMPDIR: temporary })).toExit(0);
    expect(readdirSync(temporary)).toEqual([]);
    // A program of this name that fails, having shown where it works.
    const broken = join(folder, "bin");
    mkdirSync(broken);
    writeFileSync(join(broken, "consul"), "#!/bin/sh\necho it is broken in $PWD >&2\nexit 1\n", { mode: 0o755 });
    const other = host("server-2", { address: "10.0.0.11" });
    const { code, output } = await other.tool(["secrets"], {
      ...{ TMPDIR: temporary, PATH: [broken, process.env.PATH ?? ""].join(delimiter) },
    });
    expect({ code, output }).toExit(1);
    expect(output).toContain(`\`consul tls …\` failed: it is broken in ${temporary}/meshform-`);
    expect(readdirSync(temporary)).toEqual([]);
  });
});

test("a link that an agent's user has put in the way is not followed", async () => {
  const server = host("server-1", {});
  const elsewhere = join(folder, "elsewhere");
  mkdirSync(elsewhere);
  mkdirSync(server.path("/etc/consul.d"));
  symlinkSync(elsewhere, server.path("/etc/consul.d/tls"));
  const { code, output } = await server.tool(["secrets"]);
  expect(code).toBe(1);
  expect(output).toContain(
    `tls of ${server.path("/etc/consul.d/tls")} is a link or a file, not a directory. Remove it.`,
  );
  expect(readdirSync(elsewhere)).toEqual([]);
  expect(statSync(elsewhere).uid).toBe(0);

  rmSync(server.path("/etc/consul.d/tls"));
  await secrets(server);
  const key = server.path("/etc/consul.d/tls/agent-key.pem");
  const copy = join(elsewhere, "key");
  renameSync(key, copy);
  symlinkSync(copy, key);
  await secrets(server);
  expect(lstatSync(key).isSymbolicLink()).toBe(false);
});

describe("the management tokens reach nobody but the server's own agents", () => {
  /** What an attacker hears who waits at an agent's port while the agent is down. */
  async function heard(
    engine: "consul" | "nomad",
    listen: (server: FolderHost, hear: (text: string) => void) => Promise<Server>,
  ): Promise<{ readonly text: string; readonly output: string }> {
    let text = "";
    const prepared = host("server-1", {});
    await secrets(prepared);
    const attacker = await listen(prepared, (part) => (text += part));
    try {
      const api = `https://127.0.0.1:${(attacker.address() as AddressInfo).port}` as const;
      const roles = [`${engine}-server`] as HostToolConfig["roles"];
      const attacked = host("server-1", { roles, ...(engine === "consul" ? { consulApi: api } : { nomadApi: api }) });
      const { code, output } = await attacked.tool(["--wait", "1", "acl"]);
      expect(code).toBe(1);
      const { consul, nomad } = documents().cluster;
      for (const token of [consul.managementToken, nomad.managementToken]) expect(text).not.toContain(token);
      return { text, output };
    } finally {
      const closed = once(attacker, "close");
      attacker.close();
      await closed;
    }
  }

  async function listening(server: Server): Promise<Server> {
    await once(server.listen(0, "127.0.0.1"), "listening");
    return server;
  }

  /** Shows a certificate, and sends every request elsewhere. */
  async function byTls(pair: { certificate: string; key: string; ca: string }, hear: (text: string) => void) {
    const elsewhere = await listening(
      createHttpServer((request, response) => {
        hear(`elsewhere: ${JSON.stringify(request.headers)}`);
        response.end("{}");
      }),
    );
    const { port } = elsewhere.address() as AddressInfo;
    const options = { cert: pair.certificate, key: pair.key, ca: pair.ca, requestCert: true, rejectUnauthorized: true };
    const server = createHttpsServer(options, (request, response) => {
      const { socket } = request;
      const subject = socket instanceof TLSSocket ? socket.getPeerCertificate().subject : undefined;
      hear(`asked by ${JSON.stringify(subject?.CN)}\n`);
      response.writeHead(307, { Location: `http://127.0.0.1:${port}${request.url}` }).end();
    });
    server.on("close", () => elsewhere.close());
    return listening(server);
  }

  describe.each(["consul", "nomad"] as const)("of %s:", (engine) => {
    const name = { consul: "Consul", nomad: "Nomad" }[engine];

    test("not who speaks no TLS", async () => {
      const { text, output } = await heard(engine, (_, hear) =>
        listening(
          createTcpServer((socket) => {
            socket.on("error", () => undefined).on("data", (part) => hear(part.toString("latin1")));
            socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
          }),
        ),
      );
      expect(text).not.toMatch(/token|HTTP/i);
      expect(output).toContain(`${name} does not answer at https://127.0.0.1:`);
    });

    test("not who has a client's certificate of the same cluster", async () => {
      const { text, output } = await heard(engine, (_, hear) => byTls(documents().client[engine], hear));
      expect(text).toBe("");
      expect(output).toMatch(/certificate verify failed: Hostname mismatch, certificate is not valid for 'server\./);
    });

    test("not who has a certificate of another CA", async () => {
      const other = mkdtempSync(join(folder, "other-"));
      const stranger = new FolderHost(join(folder, "stranger"), {
        ...{ store: { type: "directory", path: other }, roles: SERVER, node: "server-1", address: "10.0.0.10" },
      });
      await secrets(stranger);
      const read = (file: string) => stranger.read(`/etc/${engine}.d/tls/${file}.pem`);
      const pair = { certificate: read("agent"), key: read("agent-key"), ca: read("ca") };
      const { text, output } = await heard(engine, (_, hear) => byTls(pair, hear));
      expect(text).toBe("");
      expect(output).toContain("certificate verify failed: ");
    });

    test("not where even the right agent sends a request", async () => {
      const { text, output } = await heard(engine, (server, hear) => {
        const read = (file: string) => server.read(`/etc/${engine}.d/tls/${file}.pem`);
        return byTls({ certificate: read("agent"), key: read("agent-key"), ca: read("ca") }, hear);
      });
      // It is met with the host's own certificate, which is what tells this case from the others.
      expect(text).toBe(`asked by "server.${engine === "consul" ? "dc1.consul" : "global.nomad"}"\n`);
      expect(output).toMatch(/ redirects GET \/v1\/status\/leader to http:\/\/127\.0\.0\.1:/);
    });
  });
});

describe("clear errors", () => {
  test("where the agents' users are missing", async () => {
    const server = host("server-1", {});
    server.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    const { code, output } = await server.tool(["secrets"]);
    expect(code).toBe(1);
    expect(output).toContain("There is no user consul on this host. Create it, e.g. `useradd --system consul`.");
  });

  test("for a user that is not root", async () => {
    const server = host("server-1", {});
    chmodSync(folder, 0o755);
    const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", server.path(HOST_TOOL), "--root", server.root];
    const { code, output } = await run("setpriv", [...nobody, "secrets"], { env: await engineEnvironment() });
    expect(code).toBe(1);
    expect(output).toContain(
      `The secret store ${store} belongs to user 0, not to user 65534, whom this program runs as. Servers share ${store}, `,
    );
  });

  test("where a secret in the store is broken, which is left as it is", async () => {
    mkdirSync(join(store, "cluster"), { mode: 0o700 });
    writeFileSync(documentFile(store, "cluster"), "{");
    const { code, output } = await host("server-1", {}).tool(["secrets"]);
    expect(code).toBe(1);
    expect(output).toBe("Secret cluster in the store is not JSON. Restore an earlier version of it.\n");
    expect(readFileSync(documentFile(store, "cluster"), "utf8")).toBe("{");
  });
});

describe("AWS Secrets Manager", () => {
  let moto: Moto;
  let env: Readonly<Record<string, string>>;

  beforeAll(async () => {
    moto = await startMoto();
    const engines = await engineEnvironment();
    env = { ...moto.environment, PATH: [moto.environment.PATH, engines.PATH].join(delimiter) };
  }, 30 * 60_000);

  afterAll(() => moto.stop());

  beforeEach(() => moto.createSecrets(aws()));

  /** The store of a cluster that no other test has. */
  function aws(): AwsSecretStore {
    const prefix = `meshform/${createHash("sha256").update(folder).digest("hex").slice(0, 8)}/`;
    return { type: "aws-secrets-manager", prefix, region: "eu-central-1", endpoint: moto.endpoint };
  }

  test("keeps the secrets that servers create, renew and share", async () => {
    const server = host("server-1", { store: aws() });
    const first = await server.tool(["secrets"], env);
    expect(first).toExit(0);
    expect(first.output).toContain("Created secret cluster.\n");
    const client = host("client-1", { store: aws(), roles: CLIENT });
    expect(await client.tool(["secrets"], env)).toExit(0);
    const before = client.read("/etc/consul.d/tls/agent.pem");
    certificate(before, server.read("/etc/consul.d/tls/ca.pem"));

    expect(await server.tool(["rotate", "certificates"], env)).toExit(0);

    expect(await client.tool(["secrets"], env)).toExit(0);
    expect(client.read("/etc/consul.d/tls/agent.pem")).not.toBe(before);
    expect(await server.tool(["secrets"], env)).toEqual({
      code: 0,
      output: "All files of this host are up to date.\n",
    });
  });

  test("of the primary of a WAN federation has what servers of another datacenter take", async () => {
    const [east, west] = ["east/", "west/"].map((part) => ({ ...aws(), prefix: `${aws().prefix}${part}` }));
    await moto.createSecrets(east, federationSecretName(east));
    await moto.createSecrets(west);
    const federation = { primaryDatacenter: "dc1" };
    const primary = host("east-1", { store: east, federation });
    const other = host("west-1", {
      ...{ store: west, consulDatacenter: "dc2", federation: { ...federation, primarySecretStore: east } },
    });
    const early = await other.tool(["--wait", "1", "secrets"], env);
    expect(early.code).toBe(1);
    expect(early.output).toContain("The secret store of the primary datacenter has no document federation.");
    for (const server of [primary, other]) expect(await server.tool(["secrets"], env)).toExit(0);
    expect(other.read("/etc/consul.d/tls/ca.pem")).toBe(primary.read("/etc/consul.d/tls/ca.pem"));
    expect(other.json("/etc/consul.d/secrets.json")).toMatchObject({
      ...(primary.json("/etc/consul.d/secrets.json") as object),
      acl: { tokens: { replication: expect.any(String) as string } },
    });
    expect(other.read("/etc/nomad.d/tls/ca.pem")).not.toBe(primary.read("/etc/nomad.d/tls/ca.pem"));
  });

  test("that does not answer is waited for, and then named", async () => {
    const lost: AwsSecretStore = { ...aws(), endpoint: "http://127.0.0.1:1" };
    const { code, output } = await host("server-1", { store: lost }).tool(["--wait", "1", "secrets"], env);
    expect(code).toBe(1);
    expect(output).toContain('Could not connect to the endpoint URL: "http://127.0.0.1:1/"');
    expect(output).toContain("The host needs a role and access to the endpoint.\n");
  });

  test("needs boto3, and says so", async () => {
    writeFileSync(join(folder, "boto3.py"), "raise ImportError");
    const { code, output } = await host("server-1", { store: aws() }).tool(["secrets"], { ...env, PYTHONPATH: folder });
    expect(code).toBe(1);
    expect(output).toBe("AWS needs boto3, which is not installed. Install it: `apt-get install python3-boto3`.\n");
  });

  test("whose secret waits to be deleted is not overwritten", async () => {
    const server = host("server-1", { store: aws() });
    expect(await server.tool(["secrets", "--only-store"], env)).toExit(0);
    const { prefix } = aws();
    const remove = `import boto3; boto3.client("secretsmanager", region_name="eu-central-1", endpoint_url="${moto.endpoint}").delete_secret(SecretId="${prefix}cluster")`;
    expect(await run("python3", ["-c", remove], { env })).toExit(0);
    const { code, output } = await server.tool(["secrets"], env);
    expect(code).toBe(1);
    expect(output).toContain("If it is scheduled for deletion, restore it or delete it for good.");
  });
});
