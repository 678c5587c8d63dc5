import { X509Certificate } from "node:crypto";
import { dirname, join } from "node:path";
import { CaProvider } from "../../constructs";
import { vaultEnvironment } from "../../lab/commands/environment";
import { Lab } from "../../lab/hosts/lab";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { certificateSince, chainOf, inTaskOf } from "../support/envoy-certificates";
import { eventually } from "../support/eventually";
import { Figures } from "../support/figures";
import { run, TestLab } from "../support/lab";
import { loadWhile, type Ask, type Load } from "../support/steady-load";

const MINUTE = 60_000;
jest.setTimeout(10 * MINUTE);

const APP = join(__dirname, "..", "engines", "apps", "federation-vault");
const DATACENTERS = ["dc1", "dc2"] as const;
type Datacenter = (typeof DATACENTERS)[number];
/** To a service of the own datacenter, to one of the other through both mesh gateways, and to one of the other directly. */
const UPSTREAMS = ["NEAR", "LOCAL", "DIRECT"] as const;
const PKI = { rootPkiPath: "mesh-root", intermediatePkiPath: "mesh-intermediate" };

// Builds Vault first if it is missing.
beforeAll(() => ensureEngines({ also: ["vault"] }), 70 * MINUTE);

describe.each(["plain", "secure"] as const)("a WAN federation with Vault, %s", (profile) => {
  const lab = new TestLab(`wan-vault-${profile}-${process.pid}`, `${APP}.ts`);
  const figures = new Figures();
  const asks: Record<string, Ask> = {};

  beforeAll(async () => {
    const joined = ["--datacenters", "2", "--join", "wan"];
    const vault = ["--vault", "--vault-setup", `${APP}.sh`];
    if (profile === "secure") {
      await lab.mustUp("", "--secure", ...joined, ...vault);
    } else {
      // It is there before its Vault: its hosts restart, and know their former roots before they reach each other.
      await new TestLab(lab.name, join(dirname(APP), "federation.ts")).mustUp("", ...joined);
      await lab.mustUp(PKI.rootPkiPath, ...vault);
    }
    for (const datacenter of DATACENTERS) {
      for (const upstream of UPSTREAMS) asks[`${datacenter} ${upstream}`] = await askOf(datacenter, upstream);
    }
  }, 15 * MINUTE);

  afterAll(async () => {
    figures.print();
    await lab.down();
  }, 2 * MINUTE);

  /** What the client of a datacenter is answered by an upstream. */
  async function askOf(datacenter: Datacenter, upstream: string): Promise<Ask> {
    const client = lab.url(`client-${datacenter} (${datacenter})`);
    const signal = () => AbortSignal.timeout(30_000);
    const { value: url } = (await (await fetch(`${client}/env?name=${upstream}`, { signal: signal() })).json()) as {
      value: string;
    };
    const body = JSON.stringify({ url, requests: 1 });
    return async () => {
      const response = await fetch(`${client}/load`, { method: "POST", body, signal: signal() });
      const [answer] = Object.keys(((await response.json()) as { answers: object }).answers);
      const [status] = answer.split(" ");
      return /^\d+$/.test(status) ? Number(status) : answer;
    };
  }

  /** A command of `vault` on the machine, with this on its standard input. */
  async function inVault(input: string, ...args: string[]): Promise<string> {
    const { vault } = await ensureEngines();
    const PATH = `${dirname(vault?.path ?? "")}:/usr/bin:/bin`;
    const env = { ...vaultEnvironment(new Lab(lab.name)), PATH, HOME: "/nonexistent", INPUT: input };
    const script = 'printf %s "$INPUT" | exec vault "$@"';
    const { code, output } = await run("sh", ["-c", script, "sh", ...args], { env, isolated: true });
    if (code !== 0) throw new Error(`vault ${args.join(" ")} ended with ${code}: ${output}`);
    return output.trim();
  }

  async function certificateIn(mount: string): Promise<X509Certificate> {
    return new X509Certificate(await inVault("", "read", "-field=certificate", `${mount}/cert/ca`));
  }

  /** The certificate of each service is signed by the intermediate of its datacenter in Vault, and that by this root in Vault. */
  async function expectSignedBy(root: string): Promise<void> {
    const rootCertificate = await certificateIn(root);
    for (const [datacenter, mount, jobs] of [
      ["dc1", "mesh-intermediate", ["client-dc1", "near-dc1", "local-dc2"]],
      ["dc2", "mesh-intermediate-dc2", ["client-dc2", "near-dc2", "local-dc1"]],
    ] as const) {
      const intermediate = await certificateIn(mount);
      expect(isSignedBy(intermediate, rootCertificate)).toBe(true);
      for (const job of jobs) {
        const [leaf, ...signers] = (await chainOf(lab, datacenter, job)).map((pem) => new X509Certificate(pem));
        expect([job, isSignedBy(leaf, intermediate)]).toEqual([job, true]);
        expect(signers.map(({ fingerprint256 }) => fingerprint256)).toContain(intermediate.fingerprint256);
      }
      // The keys of former ones are removed.
      const keys = JSON.parse(await inVault("", "list", "-format=json", `${mount}/keys`)) as string[];
      expect([mount, keys.length]).toEqual([mount, 1]);
    }
  }

  /** Has `up` change the CA under load, and waits until the certificates of all services come from there. */
  async function moveTo(
    root: string,
  ): Promise<{ readonly loads: Readonly<Record<string, Load>>; readonly ms: number }> {
    await settled();
    const start = Date.now();
    let ms = 0;
    const act = async () => {
      await lab.mustUp(root);
      await eventually(async () => {
        for (const datacenter of DATACENTERS) {
          for (const job of [`client-${datacenter}`, `near-${datacenter}`]) {
            // Vault dates them back by half a minute.
            const isNew = (await certificateSince(lab, datacenter, job)) > start - MINUTE / 2;
            expect([datacenter, job, isNew]).toEqual([datacenter, job, true]);
          }
        }
        await expectSignedBy(root);
      }, 2 * MINUTE);
      ms = Date.now() - start;
    };
    return { loads: await loadWhile(asks, act, { pauseMs: 50 }), ms };
  }

  /** Waits until each upstream has answered 20 times in a row. */
  async function settled(): Promise<void> {
    await eventually(async () => {
      for (const [name, ask] of Object.entries(asks)) {
        for (let n = 0; n < 20; n++) expect([name, await ask()]).toEqual([name, 200]);
      }
    }, 3 * MINUTE);
  }

  async function expectNoneFails(what: string, root: string): Promise<void> {
    const { loads, ms } = await moveTo(root);
    const sent = Object.values(loads).reduce((sum, each) => sum + each.sent, 0);
    figures.add(`${profile}: ${what}`, loads, `took ${(ms / 1000).toFixed(1)} s, ${sent} requests`);
    for (const [name, load] of Object.entries(loads)) {
      expect([name, [...new Set(load.answers)]]).toEqual([name, [200]]);
      expect(load.sent).toBeGreaterThan(20);
    }
  }

  test("the CA of Consul's servers gives way to Vault in both datacenters, and no request fails", async () => {
    if (profile === "secure") return expectNoneFails("the CA moves to Vault", PKI.rootPkiPath);
    await settled();
    await expectSignedBy(PKI.rootPkiPath);
  });

  test("tasks of both datacenters read their secret with an identity of their own Nomad", async () => {
    for (const datacenter of DATACENTERS) {
      const job = `secret-${datacenter}`;
      const read = await inTaskOf(lab, datacenter, job, job, ["cat", "secrets/password"]);
      expect([job, read]).toEqual([job, `password in ${datacenter}`]);
      const role = `auth/jwt-nomad${datacenter === "dc1" ? "" : "-dc2"}/config`;
      const own = datacenter === "dc1" ? "10.200.0.10" : "10.200.10.10";
      expect(await inVault("", "read", "-field=jwks_url", role)).toContain(`//${own}:4646/`);
    }
  });

  test("the servers of the secondary can do nothing with the root, nor with what belongs to the primary", async () => {
    const script = `
      const { readFileSync } = require("node:fs");
      const read = (name) => readFileSync("/etc/vault/" + name, "utf8").trim();
      const post = async (path, body, token) => {
        const headers = token ? { "X-Vault-Token": token } : {};
        const response = await fetch("https://vault-1:8200/v1/" + path, { method: "POST", headers, body: JSON.stringify(body) });
        return { status: response.status, ...(await response.json()) };
      };
      (async () => {
        const { auth } = await post("auth/approle/login", { role_id: read("role-id"), secret_id: read("secret-id") });
        const result = {};
        for (const path of process.argv.slice(1)) result[path] = (await post(path, {}, auth.client_token)).status;
        console.log(JSON.stringify(result));
      })();`;
    const statusOf = async (host: string, ...paths: string[]) => {
      const env = "NODE_EXTRA_CA_CERTS=/etc/vault/ca.pem";
      const { output } = await lab.onHost(host, "env", env, "node", "-e", script, "--", ...paths);
      return JSON.parse(output) as unknown;
    };
    const sign = ["mesh-root/root/sign-intermediate", "mesh-intermediate/sign/leaf-cert"];
    const own = "mesh-intermediate-dc2/sign/leaf-cert";
    // They send no request for a certificate: that is 400 where the policy lets them in.
    expect(await statusOf("dc2-server-1", ...sign, own)).toEqual({ [sign[0]]: 403, [sign[1]]: 403, [own]: 400 });
    expect(await statusOf("server-1", ...sign, own)).toEqual({ [sign[0]]: 400, [sign[1]]: 400, [own]: 403 });
  });

  test("the root in Vault is rotated in the primary, the secondary follows, and no request fails", async () => {
    const policy = CaProvider.vaultPolicy({ ...PKI, rootPkiPath: "mesh-root-2" }, PKI.rootPkiPath);
    await inVault(policy, "policy", "write", "consul", "-");
    await expectNoneFails("the root in Vault is rotated", "mesh-root-2");
  });
});

function isSignedBy(certificate: X509Certificate, signer: X509Certificate): boolean {
  return certificate.checkIssued(signer) && certificate.verify(signer.publicKey);
}
