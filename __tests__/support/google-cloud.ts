import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { IamGrant } from "../../constructs/google";
import { eventually } from "./eventually";
import { run, type Outcome } from "./lab";

/** What there is in the cloud at first. */
export interface GoogleProject {
  readonly project: string;
  readonly zone: string;
  /** Names of secrets, which have no version. */
  readonly secrets: readonly string[];
  /** The objects of each bucket: their names and contents in base64. */
  readonly buckets: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly instances: readonly {
    readonly name: string;
    readonly zone: string;
    readonly address: string;
    readonly tags: readonly string[];
  }[];
  /** What each identity is allowed. A machine has the identity `server` first. */
  readonly identities: Readonly<Record<string, readonly IamGrant[]>>;
}

/** A call of an API, with what it took. */
export interface GoogleCall {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly identity?: string;
  /** The permission and the names of what it is on. */
  readonly used?: string;
  readonly code: number;
}

const APIS = ["secretmanager", "storage", "monitoring", "compute"].map((name) => `${name}.googleapis.com`);

/** The names that lead to the stand-in where it runs. */
export const GOOGLE_HOSTS = `169.254.169.254 metadata.google.internal\n127.0.0.2 ${APIS.join(" ")}\n`;

/** Files that the stand-in reads, by name. Who calls it must trust `google-ca.pem`. */
export async function googleFiles(project: GoogleProject): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), "meshform-google-"));
  try {
    const names = APIS.map((name) => `DNS:${name}`).join(",");
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", join(folder, "key")];
    const certificate = ["-days", "2", "-subj", "/CN=stand-in", "-addext", `subjectAltName=${names}`];
    const made = await run("openssl", ["req", "-x509", ...key, ...certificate, "-out", join(folder, "certificate")]);
    if (made.code !== 0) throw new Error(made.output);
    const pem = readFileSync(join(folder, "certificate"), "utf8");
    return {
      "google.json": JSON.stringify(project),
      "google-ca.pem": pem,
      "google-server.pem": pem,
      "google-server-key.pem": readFileSync(join(folder, "key"), "utf8"),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A machine of Google Cloud that is only a network, in which Google's own names lead to a stand-in. */
export class GoogleCloud {
  private constructor(
    readonly folder: string,
    private readonly holder: ChildProcess,
  ) {}

  static async start(project: GoogleProject): Promise<GoogleCloud> {
    const folder = mkdtempSync(join(tmpdir(), "meshform-google-"));
    const file = (name: string) => join(folder, name);
    for (const [name, content] of Object.entries(await googleFiles(project))) writeFileSync(file(name), content);
    mkdirSync(file("facts/tags/instance"), { recursive: true });
    writeFileSync(file("hosts"), `127.0.0.1 localhost\n${GOOGLE_HOSTS}`);
    const trusted = "/etc/ssl/certs/ca-certificates.crt";
    copyFileSync(trusted, file("trusted.pem"));
    appendFileSync(file("trusted.pem"), readFileSync(file("google-ca.pem")));
    const script = `ip link set lo up; ip address add 169.254.169.254/32 dev lo
      mount --bind ${file("hosts")} /etc/hosts
      mount --bind ${file("trusted.pem")} ${trusted}
      exec "$0" ${join(__dirname, "google-cloud.mjs")} ${file("facts")}`;
    const own = ["--net", "--mount", "--propagation", "private"];
    const holder = spawn("unshare", [...own, "sh", "-ec", script, process.execPath], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const cloud = new GoogleCloud(folder, holder);
    await eventually(async () => {
      const url = "http://169.254.169.254/";
      const code = `import urllib.request as r; r.build_opener(r.ProxyHandler({})).open("${url}", timeout=1)`;
      const outcome = await cloud.run("python3", ["-c", code]);
      if (outcome.code !== 0) throw new Error(outcome.output);
    });
    return cloud;
  }

  /** What leads a command into the machine. */
  get enter(): readonly string[] {
    return ["nsenter", "--target", String(this.holder.pid), "--net", "--mount", "--"];
  }

  /** Runs a program on the machine. */
  run(program: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Outcome> {
    const [command, ...options] = this.enter;
    return run(command, [...options, program, ...args], { env: { ...env, ...DIRECT }, timeoutMs: 5 * 60_000 });
  }

  /** Gives the machine another identity. */
  become(identity: string): void {
    writeFileSync(join(this.folder, "google-identity"), identity);
  }

  /** Sets what the metadata server says at a path. */
  tell(path: string, text: string): void {
    const file = join(this.folder, "facts", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  calls(): GoogleCall[] {
    return linesOf<GoogleCall>(join(this.folder, "google-calls"));
  }

  /** The time series that were put. */
  metrics(): unknown[] {
    return linesOf(join(this.folder, "google-metrics"));
  }

  async stop(): Promise<void> {
    const ended = once(this.holder, "exit");
    this.holder.kill("SIGKILL");
    await ended;
    rmSync(this.folder, { recursive: true });
  }
}

/** A proxy of this machine is not there. */
export const DIRECT = { HTTPS_PROXY: "", https_proxy: "", HTTP_PROXY: "", http_proxy: "" };

function linesOf<T>(file: string): T[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}
