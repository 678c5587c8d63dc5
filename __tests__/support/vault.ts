import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lab } from "../../lab/hosts/lab";
import { findProgram } from "../../lab/machine/find-program";
import { eventually } from "./eventually";
import { ensureGoTool } from "./go-tools";
import { run, type Outcome } from "./lab";

/** The last one whose modules are all published. Without the plugins that nobody needs here. */
const BUILD = { name: "vault", version: "1.21.2", tags: "minimal" };

/** A Vault in the network of a host of a lab, which has all in its memory. */
export class TestVault {
  readonly address: string;
  private readonly folder = mkdtempSync(join(tmpdir(), "meshform-vault-"));
  private readonly token = randomUUID();
  private readonly init: number;
  private server?: ChildProcess;
  private program = "";

  constructor(
    lab: string,
    host: string,
    private readonly ip: string,
  ) {
    const init = new Lab(lab).initOf(host);
    if (init === undefined) throw new Error(`The host ${host} of the lab ${lab} does not run.`);
    this.init = init.pid;
    this.address = `https://${ip}:8200`;
  }

  /** The CA of its certificate, as PEM. */
  get ca(): string {
    return readFileSync(this.caFile, "utf8");
  }

  private get caFile(): string {
    return join(this.folder, "vault-ca.pem");
  }

  /** Starts the Vault of PATH, or builds one before. */
  async start(): Promise<void> {
    this.program = findProgram("vault") ?? (await ensureGoTool(BUILD));
    const options = [
      ...["-dev", "-dev-tls", `-dev-tls-cert-dir=${this.folder}`, `-dev-tls-san=${this.ip}`],
      ...[`-dev-listen-address=${this.ip}:8200`, "-dev-no-store-token"],
    ];
    this.server = spawn("nsenter", this.inside("server", ...options), {
      stdio: "ignore",
      env: { PATH: process.env.PATH, VAULT_DEV_ROOT_TOKEN_ID: this.token },
    });
    await eventually(async () => {
      expect(await this.try("status")).toMatchObject({ code: 0 });
    }, 60_000);
  }

  stop(): void {
    this.server?.kill();
    rmSync(this.folder, { recursive: true });
  }

  /** A command of `vault`, which must succeed. @returns what it printed */
  async vault(...args: string[]): Promise<string> {
    const { code, output } = await this.try(...args);
    if (code !== 0) throw new Error(`vault ${args.join(" ")} ended with ${code}: ${output}`);
    return output.trim();
  }

  /** The same with a policy, as a file. */
  async writePolicy(name: string, policy: string): Promise<void> {
    const script = 'printf %s "$1" | exec "$2" policy write "$3" -';
    const { code, output } = await run("nsenter", [...this.net, "sh", "-c", script, "sh", policy, this.program, name], {
      env: this.env,
    });
    if (code !== 0) throw new Error(output);
  }

  private try(...args: string[]): Promise<Outcome> {
    return run("nsenter", this.inside(...args), { env: this.env });
  }

  private get env(): Record<string, string> {
    return { VAULT_ADDR: this.address, VAULT_CACERT: this.caFile, VAULT_TOKEN: this.token };
  }

  private get net(): string[] {
    return ["--target", String(this.init), "--net"];
  }

  private inside(...args: string[]): string[] {
    return [...this.net, this.program, ...args];
  }
}
