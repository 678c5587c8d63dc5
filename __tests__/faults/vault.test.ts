import { randomUUID, X509Certificate } from "node:crypto";
import { join } from "node:path";
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
import { HOST_TOOL } from "../../constructs/linux/host-tool/host-tool";
import { vaultBlock } from "../../constructs/linux/nomad-vault";
import { applyStacks } from "../../lab/apply";
import { Cluster } from "../../lab/cluster/cluster";
import { readCredentials } from "../../lab/hosts/credentials";
import { Lab } from "../../lab/hosts/lab";
import { eventually } from "../support/eventually";
import { run } from "../support/lab";
import {
  certificateOf,
  clients,
  expectNoneFailed,
  figures,
  files,
  lab,
  load,
  MINUTE,
  PATHS,
  running,
  seconds,
  servers,
  settled,
  useSteadyLab,
} from "../support/steady-lab";
import { TestStack } from "../support/synth";
import { SynthesizedApp, type StackJson } from "../support/synthesized-app";
import { TestVault } from "../support/vault";

jest.setTimeout(10 * MINUTE);
useSteadyLab();

let vault: TestVault;
let app: SynthesizedApp;

beforeAll(async () => {
  app = new SynthesizedApp();
  vault = new TestVault(lab.name, "client-1", clients["client-1"]);
  // Builds Vault first if it is not on PATH.
  await vault.start();
  for (const path of ["mesh-root", "mesh-root-2", "mesh-intermediate"]) {
    await vault.vault("secrets", "enable", `-path=${path}`, "-max-lease-ttl=87600h", "pki");
  }
  for (const path of ["mesh-root", "mesh-root-2"]) {
    await vault.vault("write", `${path}/root/generate/internal`, `common_name=${path}`, "ttl=87600h");
  }
  await vault.writePolicy("consul", CaProvider.vaultPolicy(PKI));
  await vault.vault("auth", "enable", "approle");
  await vault.vault("write", "auth/approle/role/consul", "token_policies=consul", "token_ttl=20m", "token_max_ttl=1h");
  const role = await vault.vault("read", "-field=role_id", "auth/approle/role/consul/role-id");
  const files = { "role-id": role, "ca.pem": vault.ca };
  for (const server of Object.keys(servers)) {
    const secret = await vault.vault("write", "-f", "-field=secret_id", "auth/approle/role/consul/secret-id");
    const script =
      'umask 077; mkdir -p /etc/vault; while [ $# -gt 0 ]; do printf %s "$2" > "/etc/vault/$1"; shift 2; done; chown -R consul: /etc/vault';
    const args = Object.entries({ ...files, "secret-id": secret }).flat();
    expect(await lab.onHost(server, "sh", "-c", script, "sh", ...args)).toMatchObject({ code: 0 });
  }
}, 70 * MINUTE);

afterAll(() => {
  vault.stop();
  app.remove();
});

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
  const { address } = vault;
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
    await vault.writePolicy("consul", CaProvider.vaultPolicy({ ...PKI, rootPkiPath: root }, PKI.rootPkiPath));
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
  const rotate = (password: string) => vault.vault("kv", "put", "kv/billing", `password=${password}`, "ttl=10s");
  await vault.vault("secrets", "enable", "-path=kv", "-version=1", "kv");
  await vault.writePolicy("billing", 'path "kv/billing" {\n  capabilities = ["read"]\n}\n');
  await rotate(passwords[0]);
  await vault.vault("auth", "enable", "-path=jwt-nomad", "jwt");
  await vault.vault(
    ...["write", "auth/jwt-nomad/config", `jwks_url=https://${servers["server-1"]}:4646/.well-known/jwks.json`],
    ...[`jwks_ca_pem=${readCredentials(files, "dc1")?.nomadCa ?? ""}`, "default_role=tasks"],
  );
  await vault.vault(
    ...["write", "auth/jwt-nomad/role/tasks", "role_type=jwt", "bound_audiences=vault.io", "token_policies=billing"],
    ...["user_claim=/nomad_job_id", "user_claim_json_pointer=true", "token_type=service", "token_period=30m"],
  );
  const options = { address: vault.address, caFile: "/etc/vault-ca.pem" };
  const script =
    'printf %s "$1" > /etc/vault-ca.pem; printf %s "$2" > /etc/nomad.d/vault.json; chmod a+r /etc/vault-ca.pem /etc/nomad.d/vault.json';
  for (const host of [...Object.keys(servers), ...Object.keys(clients)]) {
    const args = [vault.ca, JSON.stringify({ vault: vaultBlock(options) })];
    expect(await lab.onHost(host, "sh", "-c", script, "sh", ...args)).toMatchObject({ code: 0 });
    expect(await lab.onHost(host, HOST_TOOL, "restart", "nomad")).toMatchObject({ code: 0 });
  }

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
