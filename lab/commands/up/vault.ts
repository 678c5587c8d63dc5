import { createHash } from "node:crypto";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { CaProvider } from "../../../constructs/access/ca-provider";
import { EngineApi } from "../../cluster/engine-api";
import { readVaultCredentials, vaultEndpoint, vaultState, type VaultCredentials } from "../../cluster/vault";
import { LabError } from "../../core/errors";
import type { LabFiles } from "../../core/lab-files";
import { replaceFile } from "../../core/replace-file";
import { waitFor } from "../../core/wait";
import { lastLines } from "../../hosts/host";
import { hostsOf, vaultHost } from "../../hosts/topology";
import { hasSeparatePlugins, vaultAccess, vaultPaths } from "../../hosts/vault-host";
import type { Engine } from "../../machine/engines/engine";
import { vaultEnvironment } from "../environment";
import { commandOnHost } from "../exec";
import { firstSites } from "./first-sites";
import type { Results, Run, Site } from "./run";

/**
 * Initializes the lab's Vault, and prepares it for the CA of the mesh and for the identities of tasks. What is there stays, so that what
 * people change in Vault is not undone.
 */
export async function setUpVault(run: Run, { sites }: Results): Promise<void> {
  const { files } = run.lab;
  const { vault: engine } = run.engines;
  if (engine === undefined) throw new Error("A lab with Vault has its program.");
  const isUp = async () => (await vaultState(run.lab)) !== "absent";
  const lastSeen = () => lastLines(files.hostLog(vaultHost.name, "vault"), 5);
  await waitFor("Vault to answer", isUp, { ...run.patience, intervalMs: 100, lastSeen });
  if ((await vaultState(run.lab)) === "not initialized") await initialize(run);
  const isReady = async () => (await vaultState(run.lab)) === "ready";
  await waitFor("Vault to be unsealed", isReady, { ...run.patience, intervalMs: 100, lastSeen });

  const vault = new VaultApi(apiOf(run));
  if (hasSeparatePlugins(engine)) await vault.register("postgresql-database-plugin", engine);
  await vault.ensureMount("secret", { type: "kv", options: { version: "2" } });
  await vault.ensureAuth("approle", { type: "approle" });
  await run.atEach(sites, async (site) => {
    await setUpMeshCa(run, vault, site);
    await setUpTasks(vault, site);
  });
  await trustIdentities(run, firstSites(run, { sites }));
  if (run.options.vaultSetup !== undefined) await runSetup(run, resolve(run.options.vaultSetup), engine);
}

/** Runs the user's own program. It finds the lab's `vault` on PATH. */
async function runSetup(run: Run, file: string, { path }: Engine): Promise<void> {
  const PATH = `${dirname(path)}:${process.env.PATH ?? ""}`;
  const { timeoutMs, signal } = run.options;
  const env = { ...process.env, ...vaultEnvironment(run.lab), PATH };
  await promisify(execFile)(file, [], { env, timeout: timeoutMs, signal }).catch((error: unknown) => {
    const { stdout = "", stderr = "", message } = error as Error & { stdout?: string; stderr?: string };
    throw new LabError(
      `${file} failed: ${(stdout + stderr).trim() || message}`,
      "Fix it, then run the command again.",
      {
        cause: error,
      },
    );
  });
}

function apiOf(run: Run): EngineApi<"Vault"> {
  const endpoint = vaultEndpoint(run.lab);
  if (endpoint === undefined) throw new Error("The forwarder leads to Vault once the hosts have booted.");
  return new EngineApi("Vault", endpoint);
}

/** Stores the first token and the key before anything depends on them. */
async function initialize(run: Run): Promise<void> {
  const { files } = run.lab;
  const answer = await apiOf(run).put("/v1/sys/init", { secret_shares: 1, secret_threshold: 1 });
  const { root_token: rootToken, keys_base64: keys } = answer as { root_token: string; keys_base64: [string] };
  writeVaultCredentials(files, { ...(readVaultCredentials(files) ?? { vault: { ca: "" } }), rootToken });
  replaceFile(files.vaultUnsealKey, keys[0]);
}

export function writeVaultCredentials(files: LabFiles, credentials: VaultCredentials): void {
  replaceFile(files.vaultCredentials, JSON.stringify(credentials));
}

/** PKI secrets engines, and a role with which the servers of Consul may use them. A secondary datacenter has no root of its own. */
async function setUpMeshCa(run: Run, vault: VaultApi, { datacenter }: Site): Promise<void> {
  const { rootPkiPath, intermediatePkiPath, consulRole } = vaultPaths(datacenter);
  const servers = hostsOf(datacenter, "server");
  const mount = (path: string) => vault.ensureMount(path, { type: "pki", config: { max_lease_ttl: "87600h" } });
  await mount(intermediatePkiPath);
  if (rootPkiPath === undefined) {
    await vault.ensurePolicy(consulRole, CaProvider.vaultSecondaryPolicy({ intermediatePkiPath }));
  } else {
    await mount(rootPkiPath);
    await vault.ensure(`${rootPkiPath}/issuers?list=true`, `${rootPkiPath}/root/generate/internal`, {
      common_name: rootPkiPath,
      ttl: "87600h",
    });
    await vault.ensurePolicy(consulRole, CaProvider.vaultPolicy({ rootPkiPath, intermediatePkiPath }));
  }
  const role = `auth/approle/role/${consulRole}`;
  const addresses = servers.map(({ address }) => `${address}/32`);
  await vault.ensure(role, role, {
    token_policies: [consulRole],
    token_ttl: "20m",
    token_max_ttl: "1h",
    token_bound_cidrs: addresses,
    secret_id_bound_cidrs: addresses,
  });
  const roleId = await vault.read<{ role_id: string }>(`${role}/role-id`);
  for (const { name } of servers) {
    const secretFile = `${vaultAccess.folder}/secret-id`;
    if ((await onHost(run, name, `test -s ${secretFile}`)) === 0) continue;
    const { secret_id: secretId } = await vault.write<{ secret_id: string }>(`${role}/secret-id`, {});
    await giveFile(run, name, `${vaultAccess.folder}/role-id`, roleId?.role_id ?? "");
    await giveFile(run, name, secretFile, secretId);
  }
}

/** Workload identities log in with JWTs. Each task may read what belongs to its job. */
async function setUpTasks(vault: VaultApi, { datacenter }: Site): Promise<void> {
  const { nomadAuth, taskPolicy } = vaultPaths(datacenter);
  const accessor = await vault.ensureAuth(nomadAuth, { type: "jwt" });
  const role = `auth/${nomadAuth}/role/${taskPolicy}`;
  await vault.ensure(role, role, {
    role_type: "jwt",
    bound_audiences: ["vault.io"],
    // Of each task: jobs of the same name in two namespaces must not share an identity in Vault.
    user_claim: "sub",
    claim_mappings: { nomad_namespace: "nomad_namespace", nomad_job_id: "nomad_job_id", nomad_task: "nomad_task" },
    token_type: "service",
    token_policies: [taskPolicy],
    token_period: "30m",
  });
  await vault.ensurePolicy(taskPolicy, taskRules(accessor));
}

/** Tells Vault where the keys of workload identities are. Vault fetches them at once, so Nomad's servers must run. */
export async function trustIdentities(run: Run, sites: readonly Site[]): Promise<void> {
  const vault = new VaultApi(apiOf(run));
  await run.atEach(sites, async ({ datacenter }) => {
    const { nomadAuth, taskPolicy } = vaultPaths(datacenter);
    const [server] = hostsOf(datacenter, "server");
    const credentials = run.lab.credentialsOf(datacenter.name);
    await vault.write(`auth/${nomadAuth}/config`, {
      jwks_url: `${credentials ? "https" : "http"}://${server.address}:4646/.well-known/jwks.json`,
      ...(credentials && { jwks_ca_pem: credentials.nomadCa }),
      default_role: taskPolicy,
    });
  });
}

/** @see https://developer.hashicorp.com/nomad/docs/secure/vault/acl */
function taskRules(accessor: string): string {
  const claim = (name: string) => `{{identity.entity.aliases.${accessor}.metadata.${name}}}`;
  const own = `secret/data/${claim("nomad_namespace")}/${claim("nomad_job_id")}`;
  return [own, `${own}/*`, `database/creds/${claim("nomad_job_id")}`, `database/static-creds/${claim("nomad_job_id")}`]
    .map((path) => `path "${path}" {\n  capabilities = ["read"]\n}\n`)
    .join("\n");
}

/** Writes a file that only Consul can read. What is in it comes by a pipe: arguments are visible to all processes. */
async function giveFile(run: Run, host: string, file: string, content: string): Promise<void> {
  const script = `umask 077; cat > ${file}.partial && chown consul:consul ${file}.partial && mv ${file}.partial ${file}`;
  const code = await onHost(run, host, script, content);
  if (code !== 0) throw new LabError(`${file} could not be written on ${host}.`, "Run the command again.");
}

async function onHost(run: Run, host: string, script: string, input = ""): Promise<number | null> {
  const { program, args, env } = commandOnHost(run.lab.name, host, ["sh", "-c", script]);
  const child = spawn(program, args, { env, stdio: ["pipe", "ignore", "ignore"] });
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number | null];
  return code;
}

/** What an administrator does in Vault. */
class VaultApi {
  constructor(private readonly api: EngineApi<"Vault">) {}

  async read<T>(path: string): Promise<T | undefined> {
    return ((await this.api.get(`/v1/${path}`)) as { data: T } | undefined)?.data;
  }

  async write<T>(path: string, body: object): Promise<T> {
    return ((await this.api.post(`/v1/${path}`, body)) as { data: T } | undefined)?.data as T;
  }

  /** Writes what is not there. */
  async ensure(found: string, path: string, body: object): Promise<void> {
    if ((await this.api.get(`/v1/${found}`)) === undefined) await this.api.post(`/v1/${path}`, body);
  }

  async ensurePolicy(name: string, policy: string): Promise<void> {
    await this.ensure(`sys/policies/acl/${name}`, `sys/policies/acl/${name}`, { policy });
  }

  async ensureMount(path: string, body: object): Promise<void> {
    const mounts = await this.read<Record<string, unknown>>("sys/mounts");
    if (mounts?.[`${path}/`] === undefined) await this.api.post(`/v1/sys/mounts/${path}`, body);
  }

  /** @returns the accessor of the auth method */
  async ensureAuth(path: string, body: object): Promise<string> {
    const find = async () =>
      (await this.read<Record<string, { accessor: string }>>("sys/auth"))?.[`${path}/`]?.accessor;
    const known = await find();
    if (known !== undefined) return known;
    await this.api.post(`/v1/sys/auth/${path}`, body);
    return (await find()) ?? "";
  }

  /** Makes a database plugin known that is a program next to Vault's own. */
  async register(name: string, { path }: Engine): Promise<void> {
    const sha256 = createHash("sha256")
      .update(readFileSync(join(dirname(path), name)))
      .digest("hex");
    await this.api.put(`/v1/sys/plugins/catalog/database/${name}`, { sha256, command: name });
  }
}
