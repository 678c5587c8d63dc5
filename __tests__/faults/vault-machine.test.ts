import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostData } from "../../constructs";
import { consulServer } from "../../constructs/linux/consul-server";
import { vaultServer } from "../../constructs/linux/vault-server";
import { vaultService } from "../../constructs/linux/vault-service";
import { certificates, CloudMachine, machineAddress } from "../support/cloud-machine";
import { eventually } from "../support/eventually";

const MINUTE = 60_000;
jest.setTimeout(10 * MINUTE);

const folder = "/etc/vault.d/tls";
const tls = { certFile: `${folder}/vault.pem`, keyFile: `${folder}/vault-key.pem`, caFile: `${folder}/ca.pem` };
let machine: CloudMachine;
let host: HostData;
let key: string;
let token: string;

beforeAll(async () => {
  machine = await CloudMachine.create({ vault: true });
  const { consul, vault } = machine.engines;
  host = machine.host(
    consulServer({ version: consul.version, profile: "plain", retryJoin: [machineAddress], bootstrapExpect: 1 }),
    vaultServer({
      version: vault?.version ?? "",
      retryJoin: [machineAddress],
      tls,
      // The Vault that Meshform builds has none.
      ui: vault?.origin !== "cache",
    }),
    vaultService(),
    { directories: [{ path: folder, mode: "0750", owner: "vault:vault" }], files: await certificateFiles(consul.path) },
  );
  await machine.launch(machine.render(host));
}, 75 * MINUTE);

afterAll(() => machine.stop());

async function certificateFiles(consul: string): Promise<HostData["files"]> {
  const made = mkdtempSync(join(tmpdir(), "meshform-vault-"));
  await certificates(consul, made, ["-additional-ipaddress", machineAddress]);
  const files = [
    [tls.certFile, "server.pem"],
    [tls.keyFile, "server-key.pem"],
    [tls.caFile, "ca.pem"],
  ].map(([path, name]) => ({
    ...{ path, mode: "0640", owner: "vault:vault", content: readFileSync(join(made, name), "utf8") },
  }));
  rmSync(made, { recursive: true });
  return files;
}

async function succeed(...command: string[]): Promise<string> {
  const { code, output } = await machine.run(...command);
  expect({ code, output }).toExit(0);
  return output;
}

/** A command of `vault` on the machine; @returns its JSON, if any */
async function vault<T>(...args: string[]): Promise<T> {
  const env = [`VAULT_ADDR=https://${machineAddress}:8200`, `VAULT_CACERT=${tls.caFile}`, "VAULT_FORMAT=json"];
  const output = await succeed("env", ...env, `VAULT_TOKEN=${token}`, "vault", ...args);
  return (output.startsWith("{") ? JSON.parse(output) : undefined) as T;
}

/** Which servers Consul leads to. */
async function found(): Promise<number> {
  const answer = await succeed("curl", "--silent", "http://127.0.0.1:8500/v1/health/service/vault?passing");
  return (JSON.parse(answer) as object[]).length;
}

test("a server of Vault comes up from its user data alone, through cloud-init and systemd", async () => {
  expect((await machine.boot()).output).toMatch(/^status: done$/m);
  await eventually(async () => {
    expect((await machine.run("systemctl", "is-active", "consul", "vault")).output).toBe("active\nactive\n");
  }, MINUTE);
  expect(await succeed("systemctl", "--failed", "--quiet")).toBe("");
  expect(await succeed("sh", "-c", "ps -o user= -C vault")).toBe("vault\n");
  expect(await succeed("systemd-analyze", "verify", "--man=no", "vault.service")).toBe("");
  expect(await succeed("consul", "validate", "/etc/consul.d")).toContain("Configuration is valid!");
  const rated = await succeed("systemd-analyze", "security", "--no-pager", "vault.service");
  expect(Number(/Overall exposure level for \S+: ([\d.]+)/.exec(rated)?.[1])).toBeLessThanOrEqual(2);
});

test("it is initialized and unsealed, and Consul leads there only then", async () => {
  expect(await found()).toBe(0);
  const made = await eventually(() =>
    vault<{ unseal_keys_b64: [string]; root_token: string }>(
      ...["operator", "init", "-key-shares=1", "-key-threshold=1"],
    ),
  );
  [key] = made.unseal_keys_b64;
  token = made.root_token;
  await vault("operator", "unseal", key);
  await eventually(() => vault("secrets", "enable", "-path=secret", "-version=1", "kv"));
  await vault("kv", "put", "secret/a", "value=1");
  await eventually(async () => expect(await found()).toBe(1));
});

test("it has its data after the machine was switched off and on, once it is unsealed", async () => {
  await machine.shutDown();
  expect((await machine.boot()).output).toMatch(/^status: done$/m);
  await eventually(async () => {
    expect((await machine.run("systemctl", "is-active", "consul", "vault")).output).toBe("active\nactive\n");
  }, MINUTE);
  await eventually(() => vault("operator", "unseal", key));
  await eventually(async () => {
    expect(await vault("kv", "get", "secret/a")).toMatchObject({ data: { value: "1" } });
    expect(await found()).toBe(1);
  });
});
