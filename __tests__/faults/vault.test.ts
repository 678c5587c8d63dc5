import { randomUUID, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Testing } from "cdktf";
import {
  CaProvider,
  MeshCertificateAuthority,
  ServiceMesh,
  Sidecar,
  Template,
  VaultAuth,
  Workload,
} from "../../constructs";
import { applyStacks } from "../../lab/apply";
import { Cluster } from "../../lab/cluster/cluster";
import { vaultState } from "../../lab/cluster/vault";
import { vaultEnvironment } from "../../lab/commands/environment";
import { Lab } from "../../lab/hosts/lab";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { eventually } from "../support/eventually";
import { run } from "../support/lab";
import {
  certificateOf,
  expectNoneFailed,
  figures,
  files,
  lab,
  load,
  MINUTE,
  PATHS,
  running,
  seconds,
  settled,
  useSteadyLab,
} from "../support/steady-lab";
import { TestStack } from "../support/synth";
import { SynthesizedApp, type StackJson } from "../support/synthesized-app";

jest.setTimeout(10 * MINUTE);

// Builds Vault first if it is missing.
beforeAll(() => ensureEngines({ also: ["vault"] }), 70 * MINUTE);
useSteadyLab("--vault");

let vault: Readonly<Record<string, string>>;
let app: SynthesizedApp;

beforeAll(async () => {
  app = new SynthesizedApp();
  vault = { ...vaultEnvironment(new Lab(lab.name)), PATH: dirname((await ensureEngines()).vault?.path ?? "") };
  // Another root, to rotate to.
  await inVault("", "secrets", "enable", "-path=mesh-root-2", "-max-lease-ttl=87600h", "pki");
  await inVault("", "write", "mesh-root-2/root/generate/internal", "common_name=mesh-root-2", "ttl=87600h");
});

afterAll(() => {
  app.remove();
});

/** A command of `vault` on the machine, with this on its standard input. */
async function inVault(input: string, ...args: string[]): Promise<string> {
  const script = 'printf %s "$INPUT" | exec vault "$@"';
  const env = { ...vault, PATH: `${vault.PATH}:/usr/bin:/bin`, HOME: app.folder, INPUT: input };
  const { code, output } = await run("sh", ["-c", script, "sh", ...args], { env, isolated: true });
  if (code !== 0) throw new Error(`vault ${args.join(" ")} ended with ${code}: ${output}`);
  return output.trim();
}

const PKI = { rootPkiPath: "mesh-root", intermediatePkiPath: "mesh-intermediate" };

/** Applies a stack to the lab. */
async function apply(name: string, stack: TestStack): Promise<void> {
  app.synthesize({ [name]: JSON.parse(Testing.synth(stack, true)) as StackJson });
  const [{ endpoints }] = Cluster.all(new Lab(lab.name));
  const stateDir = join(app.stateDir, name);
  await applyStacks({ outDir: app.outDir, stateDir, endpoints, engine: "offline", onProgress: () => undefined });
}

/** Applies a certificate authority in Vault. */
async function signBy(rootPkiPath: string): Promise<void> {
  const stack = new TestStack();
  const auth = VaultAuth.appRole({ roleIdFile: "/etc/vault/role-id", secretIdFile: "/etc/vault/secret-id" });
  const address = "https://vault-1:8200";
  new MeshCertificateAuthority(stack, "ca", {
    provider: CaProvider.vault({ ...PKI, rootPkiPath, address, auth, caFile: "/etc/vault/ca.pem" }),
  });
  await apply("ca", stack);
}

interface Root {
  readonly Active: boolean;
  readonly RootCert: string;
}

/** The common name of the root certificate that signs now. */
async function activeRoot(): Promise<string> {
  const { Roots } = await lab.api<{ Roots: Root[] }>("Consul", "/v1/connect/ca/roots");
  const [{ RootCert }] = Roots.filter(({ Active }) => Active);
  return new X509Certificate(RootCert).subject;
}

/** From when the certificates of the services' Envoys are valid, in milliseconds. */
async function validSince(): Promise<number[]> {
  const certificates = await Promise.all(["page", "single", "double"].map((job) => certificateOf(job)));
  return certificates.map(({ from }) => from);
}

test.each([
  ["the CA of Consul's servers gives way to Vault", "mesh-root"],
  ["the root in Vault is rotated", "mesh-root-2"],
])("%s: no request fails, and the certificates of services come from there", async (what, root) => {
  if (root !== PKI.rootPkiPath) {
    const policy = CaProvider.vaultPolicy({ ...PKI, rootPkiPath: root }, PKI.rootPkiPath);
    await inVault(policy, "policy", "write", "consul", "-");
  }
  await settled();
  let ms = 0;
  const before = await validSince();
  const loads = await load(PATHS, async () => {
    const start = Date.now();
    await signBy(root);
    await eventually(async () => {
      expect(await activeRoot()).toBe(`CN=${root}`);
      const now = await validSince();
      expect(now.map((from, index) => from > before[index])).toEqual(now.map(() => true));
    }, MINUTE);
    ms = Date.now() - start;
  });
  figures.add(what, loads, `took ${seconds(ms)}`);
  expectNoneFailed(loads);
});

test("a task reads a password from Vault with its own identity, and its next one, and neither is in a file of ours", async () => {
  const passwords = [randomUUID(), randomUUID()];
  // Its lifetime is how often it is read again. It is longer than the 5 s that Nomad waits for further changes before it renders.
  const rotate = (password: string) => inVault(password, "kv", "put", "kv/billing", "password=-", "ttl=10s");
  await inVault("", "secrets", "enable", "-path=kv", "-version=1", "kv");
  await inVault('path "kv/billing" {\n  capabilities = ["read"]\n}\n', "policy", "write", "billing", "-");
  await inVault(
    "",
    "write",
    "auth/jwt-nomad/role/nomad-workloads",
    "role_type=jwt",
    "token_policies=nomad-workloads,billing",
  );
  await rotate(passwords[0]);

  const stack = new TestStack();
  new ServiceMesh(stack, "mesh", { sidecar: Sidecar.exec() }).addService("billing", {
    port: 7301,
    workload: Workload.exec({
      driver: "raw_exec",
      command: "sleep",
      args: ["3600"],
      vault: { env: false, disableFile: true },
      templates: [
        Template.text('{{ with secret "kv/billing" }}{{ .Data.password }}{{ end }}', {
          destination: "secrets/password",
          changeMode: "noop",
        }),
      ],
    }),
  });
  await apply("billing", stack);
  const reads = async (password: string) => {
    await eventually(async () => {
      const [{ ID }] = await running("billing");
      expect(await lab.inTask(ID, "billing", ["cat", "secrets/password"])).toEqual({ code: 0, output: password });
    }, MINUTE);
  };
  await reads(passwords[0]);
  await rotate(passwords[1]);
  await reads(passwords[1]);
  for (const folder of [app.folder, files.folder]) {
    for (const password of passwords) {
      const { output } = await run("grep", ["-rlF", "--exclude-dir=hosts", password, folder]);
      expect(output).toBe("");
    }
  }
});

test("Vault unseals after a crash, and what unseals it is in no log and no argument", async () => {
  const { stdout: before } = await onVault("pidof vault");
  await onVault("kill -9 $(pidof vault)");
  await eventually(async () => {
    expect(await vaultState(new Lab(lab.name))).toBe("ready");
    expect((await onVault("pidof vault")).stdout).not.toBe(before);
  }, MINUTE);
  const key = readFileSync(files.vaultUnsealKey, "utf8");
  const { output: arguments_ } = await run("ps", ["axww", "-o", "args"]);
  for (const secret of [key, vault.VAULT_TOKEN]) {
    expect(arguments_).not.toContain(secret);
    const { output } = await run("grep", ["-rlF", "--exclude-dir=upper", secret, files.folder]);
    const own = secret === key ? files.vaultUnsealKey : files.vaultCredentials;
    expect(output.trim()).toBe(own);
  }
});

test("status shows Vault, and up without --vault keeps it", async () => {
  const { output } = await lab.meshform(["status"]);
  expect(output).toMatch(/^vault-1 +10\.200\.0\.50 +yes +ready$/m);
  const without = await lab.up("v1", "--no-vault");
  expect(without.output).toContain(`Lab ${lab.name} has a Vault, whose secrets would be lost.`);
  expect(without.code).toBe(1);
});

async function onVault(script: string): Promise<{ readonly stdout: string }> {
  const { code, output } = await lab.onHost("vault-1", "sh", "-c", script);
  expect(code).toBe(0);
  return { stdout: output };
}
