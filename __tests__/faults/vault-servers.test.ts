import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { composeHost, ConsulServers, VaultServers, type HostRole } from "../../constructs";
import { consulFolder } from "../../constructs/linux/consul-agent";
import { redirectDns } from "../../constructs/linux/consul-dns";
import { LabFiles } from "../../lab/core/lab-files";
import type { BootableHost } from "../../lab/hosts/host";
import { hostBasics, programAt, pythonOf } from "../../lab/hosts/host-basics";
import { Lab } from "../../lab/hosts/lab";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import type { Engines } from "../../lab/machine/engines/engine";
import { kill, type ProcessRecord } from "../../lab/machine/processes";
import { eventually } from "../support/eventually";
import { Figures } from "../support/figures";
import { run, TestLab } from "../support/lab";
import { agentOf } from "../support/lab-hosts";
import { loadWhile } from "../support/steady-load";
import { TestStack } from "../support/synth";

const MINUTE = 60_000;
jest.setTimeout(5 * MINUTE);

const NODES = { "vault-a": "10.200.0.61", "vault-b": "10.200.0.62", "vault-c": "10.200.0.63" } as const;
type Node = keyof typeof NODES;
const names = Object.keys(NODES) as Node[];
const CONSUL_SERVERS = ["10.200.0.10", "10.200.0.11", "10.200.0.12"];
/** By which name callers know Vault. */
const NAME = "vault.service.consul";
const STORE = "/var/lib/meshform/secret-store";
const tls = {
  certFile: "/etc/vault.d/tls/vault.pem",
  keyFile: "/etc/vault.d/tls/vault-key.pem",
  caFile: "/etc/vault.d/tls/ca.pem",
};

const lab = new TestLab(`vault-servers-${process.pid}`, join(__dirname, "..", "engines", "apps", "bare.ts"));
const files = new LabFiles(lab.name);
const figures = new Figures();
let keys: readonly string[];
let token: string;

/** The servers as `VaultServers` renders them, on hosts of a secure lab whose Consul they join. */
async function boot(engines: Engines): Promise<void> {
  const stack = new TestStack();
  const secretStore = { type: "directory", path: STORE } as const;
  const consul = new ConsulServers(stack, "servers", { join: CONSUL_SERVERS, secretStore, snapshots: false });
  const servers = new VaultServers(stack, "vault", {
    ...{ consul, join: Object.values(NODES), tls },
    // The Vault that Meshform builds has none.
    ui: engines.vault?.origin !== "cache",
  });
  const registrar = await registrarToken();
  const certificates = await certificatesOf(engines);
  const hosts = names.map((name): BootableHost => {
    const own: HostRole = {
      directories: [{ path: "/etc/vault.d/tls", mode: "0750", owner: "vault:vault" }],
      files: [
        ...certificates(name).map((it) => ({ ...it, mode: "0640", owner: "vault:vault" })),
        {
          ...{ path: `${consulFolder}/vault-token.json`, mode: "0640", owner: "consul:consul" },
          content: JSON.stringify({ acl: { tokens: { config_file_service_registration: registrar } } }),
        },
      ],
      steps: redirectDns("OUTPUT --destination 127.0.0.1"),
    };
    return {
      data: composeHost(name, servers.host, hostBasics(name, []), own),
      address: NODES[name],
      programs: {
        "/usr/local/bin/vault": programAt(engines.vault?.path ?? ""),
        "/usr/local/bin/consul": programAt(engines.consul.path),
        ...pythonOf(engines),
      },
      shares: { [`${STORE}/client`]: join(files.secrets("dc1"), "client") },
      supervisord: join(engines.supervisor.path, "supervisord"),
      heldUnits: [],
    };
  });
  const running = new Lab(lab.name);
  await running.exclusively(() => Promise.all(hosts.map((host) => running.ensureHost(host))));
}

/** A token that may register `vault`, as docs/vault.md says. */
async function registrarToken(): Promise<string> {
  const Rules = 'service "vault" {\n  policy = "write"\n}\n';
  await lab.api("Consul", "/v1/acl/policy", "PUT", { Name: "vault", Rules });
  const made = await lab.api<{ SecretID: string }>("Consul", "/v1/acl/token", "PUT", { Policies: [{ Name: "vault" }] });
  return made.SecretID;
}

/** A CA, and a certificate of it for each server. */
async function certificatesOf({ consul }: Engines): Promise<(node: Node) => { path: string; content: string }[]> {
  const folder = mkdtempSync(join(tmpdir(), "meshform-vault-"));
  const make = async (...args: string[]) => {
    const script = 'cd "$0" && exec "$@"';
    const { code, output } = await run("sh", ["-c", script, folder, consul.path, "tls", ...args, "-domain=vault"]);
    if (code !== 0) throw new Error(output);
  };
  await make("ca", "create");
  for (const address of Object.values(NODES)) {
    const also = [`-additional-dnsname=${NAME}`, `-additional-ipaddress=${address}`];
    await make("cert", "create", "-server", "-dc=lab", ...also);
  }
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  const made = names.map((_, index) => [
    { path: tls.certFile, content: read(`lab-server-vault-${index}.pem`) },
    { path: tls.keyFile, content: read(`lab-server-vault-${index}-key.pem`) },
    { path: tls.caFile, content: read("vault-agent-ca.pem") },
  ]);
  rmSync(folder, { recursive: true });
  return (node) => made[names.indexOf(node)];
}

/** A command of `vault` on one of the servers. */
async function vault<T = unknown>(node: Node, ...args: string[]): Promise<T> {
  const env = [`VAULT_ADDR=https://${NODES[node]}:8200`, `VAULT_CACERT=${tls.caFile}`, "VAULT_FORMAT=json"];
  const { code, output } = await lab.onHost(node, "env", ...env, `VAULT_TOKEN=${token}`, "vault", ...args);
  // The status is shown, with code 2, while Vault is sealed.
  if (code !== 0 && !(code === 2 && args[0] === "status"))
    throw new Error(`${node}: vault ${args.join(" ")}: ${output}`);
  // Some commands only say that they have succeeded.
  return (output.startsWith("{") ? JSON.parse(output) : undefined) as T;
}

interface Status {
  readonly initialized: boolean;
  readonly sealed: boolean;
  readonly is_self: boolean;
  readonly leader_address: string;
  readonly raft_committed_index: number;
  readonly raft_applied_index: number;
}

const statusOf = (node: Node) => vault<Status>(node, "status");

/** As people do, with two of three shares of the key. */
async function unseal(node: Node): Promise<void> {
  await eventually(async () => {
    for (const key of keys.slice(0, 2)) await vault(node, "operator", "unseal", key);
    expect((await statusOf(node)).sealed).toBe(false);
  }, MINUTE);
}

async function expectVoters(node: Node): Promise<void> {
  await eventually(async () => {
    const { data } = await vault<{ data: { config: { servers: { address: string; voter: boolean }[] } } }>(
      ...([node, "operator", "raft", "list-peers"] as const),
    );
    const voters = data.config.servers.filter(({ voter }) => voter).map(({ address }) => address);
    expect(voters.sort()).toEqual(Object.values(NODES).map((address) => `${address}:8201`));
  }, MINUTE);
}

async function activeNode(): Promise<Node> {
  const found = await Promise.all(names.map(async (name) => ((await statusOf(name)).is_self ? [name] : [])));
  expect(found.flat()).toHaveLength(1);
  return found.flat()[0];
}

/** What a client host is answered that asks for a secret by that name. */
async function askFor(path: string): Promise<string> {
  const url = `https://${NAME}:8200/v1/secret/data/${path}`;
  const args = ["-s", "--max-time", "5", "--cacert", "/etc/vault-ca.pem", "-w", "\n%{http_code}", url];
  const { output } = await lab.onHost("client-1", "curl", "-H", `X-Vault-Token: ${token}`, ...args);
  return output.trim();
}

/** Where the name leads a client host. */
async function addressesFound(): Promise<readonly string[]> {
  const { output } = await lab.onHost("client-1", "getent", "ahostsv4", NAME);
  return [...new Set(output.match(/^\S+(?= +STREAM)/gm))].sort();
}

function processOf(node: Node): ProcessRecord {
  return agentOf(lab, node, "vault");
}

beforeAll(async () => {
  const engines = await ensureEngines({ also: ["vault"] });
  await lab.mustUp("", "--secure");
  await boot(engines);
}, 75 * MINUTE);

afterAll(async () => {
  figures.print();
  await lab.down();
}, 2 * MINUTE);

test("three servers of Vault: one is initialized, the others join it, and all vote", async () => {
  await eventually(async () => expect(await statusOf("vault-a")).toMatchObject({ initialized: false }), MINUTE);
  const start = Date.now();
  const made = await vault<{ unseal_keys_b64: string[]; root_token: string }>(
    ...(["vault-a", "operator", "init", "-key-shares=3", "-key-threshold=2"] as const),
  );
  keys = made.unseal_keys_b64;
  token = made.root_token;
  for (const name of names) await unseal(name);
  await expectVoters("vault-a");
  figures.add(
    "three servers initialized, unsealed, and voters",
    {},
    `took ${((Date.now() - start) / 1000).toFixed(1)} s`,
  );
  expect(await activeNode()).toBe("vault-a");
});

test("callers find the servers by their name in Consul, with verified certificates, and any of them answers", async () => {
  await vault("vault-a", "secrets", "enable", "-path=secret", "-version=2", "kv");
  await eventually(() => vault("vault-a", "kv", "put", "secret/first", "value=1"));
  const ca = (await lab.onHost("vault-a", "cat", tls.caFile)).output;
  await lab.onHost("client-1", "sh", "-c", 'printf %s "$0" > /etc/vault-ca.pem', ca);
  await eventually(async () => expect(await addressesFound()).toEqual(Object.values(NODES)));
  for (let n = 0; n < 10; n++) expect(await askFor("first")).toMatch(/"value":"1".*\n200$/s);
});

test("the active server is killed: another one takes over, and callers are answered again", async () => {
  const killed = await activeNode();
  const others = names.filter((name) => name !== killed);
  let ms = 0;
  const asks = { [NAME]: async () => Number((await askFor("first")).split("\n").at(-1)) };
  const loads = await loadWhile(asks, async () => {
    const start = Date.now();
    await kill([processOf(killed)]);
    await eventually(async () => {
      const active = (await Promise.all(others.map(statusOf))).filter((it) => it.is_self);
      expect(active).toHaveLength(1);
      if (ms === 0) ms = Date.now() - start;
      for (let n = 0; n < 10; n++) expect(await asks[NAME]()).toBe(200);
    }, MINUTE);
  });
  const { failed, recoveryMs } = loads[NAME];
  const seconds = (it: number) => (it / 1000).toFixed(1);
  figures.add(
    "the active server killed",
    loads,
    `another active after ${seconds(ms)} s, answered after ${seconds(recoveryMs)} s`,
  );
  expect(failed).toBeGreaterThan(0);
  expect(recoveryMs).toBeLessThan(MINUTE);

  // What is written now, the killed one has to catch up with.
  const [witness] = others;
  const value = randomUUID();
  await vault(witness, "kv", "put", "secret/second", `value=${value}`);
  expect(await statusOf(killed)).toMatchObject({ sealed: true });
  // Consul leads nobody to a server that is sealed.
  await eventually(async () => expect(await addressesFound()).toEqual(others.map((name) => NODES[name])));
  await unseal(killed);
  await eventually(async () => expect(await addressesFound()).toEqual(Object.values(NODES)));
  const { raft_committed_index: committed } = await statusOf(witness);
  await eventually(async () => {
    expect((await statusOf(killed)).raft_applied_index).toBeGreaterThanOrEqual(committed);
  }, MINUTE);
  await expectVoters(killed);
});

test("a server that came back counts: with it, the cluster survives the loss of the next one", async () => {
  const killed = await activeNode();
  const [witness] = names.filter((name) => name !== killed);
  await kill([processOf(killed)]);
  await eventually(async () => {
    for (let n = 0; n < 10; n++) expect(await askFor("second")).toMatch(/\n200$/);
  }, MINUTE);
  await unseal(killed);
  await expectVoters(witness);
});
