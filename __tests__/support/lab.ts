import { execFile, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { readCredentials } from "../../lab/hosts/credentials";
import { commandOnHost } from "../../lab/commands/exec";
import { LabFiles } from "../../lab/core/lab-files";
import { engines } from "./engines";
import { IS_SECURE } from "./profile";

export const CLI = join(__dirname, "..", "..", "cli", "meshform.mjs");

/** How a command ended. */
export interface Outcome {
  readonly code: number;
  /** Both streams, standard output first. */
  readonly output: string;
}

/** Runs a program to its end; an exit code other than 0 is an outcome, not an error. */
export async function run(
  command: string,
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    /** Whether it sees nothing of this process's environment. @default false */
    readonly isolated?: boolean;
    /** @default that of this process */
    readonly cwd?: string;
    readonly timeoutMs?: number;
    /** Called with its process. @default nothing */
    readonly onStart?: (child: ChildProcess) => void;
  } = {},
): Promise<Outcome> {
  const { env, isolated = false, cwd, timeoutMs = 60_000, onStart } = options;
  try {
    const running = promisify(execFile)(command, args, {
      cwd,
      env: isolated ? env : { ...process.env, ...env },
      timeout: timeoutMs,
      maxBuffer: 64 * 1024 * 1024,
    });
    onStart?.(running.child);
    const { stdout, stderr } = await running;
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const {
      code,
      stdout = "",
      stderr = "",
      message,
    } = error as Error & { code: unknown; stdout?: string; stderr?: string };
    if (typeof code !== "number") {
      throw new Error(`${command} ${args.join(" ")} did not end: ${message}\n${stdout}${stderr}`, {
        cause: error,
      });
    }
    return { code, output: stdout + stderr };
  }
}

type Engine = "Consul" | "Nomad";

/** An API by the name that `up` prints: with the datacenter where there are several. */
export type ApiName = Engine | `${Engine} (${string})`;

/** A lab of a test's own, driven by the very commands that a person would type. */
export class TestLab {
  private urls: Readonly<Partial<Record<string, string>>> = {};
  private moved: ReadonlyMap<number, number> = new Map();
  private readonly commands = new Set<ChildProcess>();

  constructor(
    readonly name: string,
    private readonly app: string,
    /** The folder of its cdktf.json. @default that of this process */
    private readonly folder?: string,
  ) {}

  /** `meshform up`, with the app in one of its variants. */
  async up(variant: string, ...options: readonly string[]): Promise<Outcome> {
    const profile = IS_SECURE && !options.includes("--secure") ? ["--secure"] : [];
    const args = ["up", "--app", this.app, ...profile, ...options];
    const outcome = await this.meshform(args, { MESHFORM_TEST_VARIANT: variant });
    // What it printed before still leads there, so that one failure stays one.
    if (outcome.code !== 0) return outcome;
    const lines = [...outcome.output.matchAll(/^ {2}(\S+(?: \(dc\d\))?) +(http:\/\/127\.0\.0\.1:\d+)/gm)];
    this.urls = Object.fromEntries(lines.map(([, name, url]) => [name, url]));
    const moved = outcome.output.matchAll(/Port (\d+) is in use on this machine, so port (\d+) is used instead/g);
    this.moved = new Map([...moved].map(([, wanted, port]) => [Number(wanted), Number(port)]));
    return outcome;
  }

  /** The same, where anything but success ends the test. */
  async mustUp(variant: string, ...options: readonly string[]): Promise<Outcome> {
    const outcome = await this.up(variant, ...options);
    if (outcome.code !== 0) throw new Error(`up ended with ${outcome.code}:\n${outcome.output}`);
    return outcome;
  }

  /** Ports that were taken on this machine, and those that `up` has chosen instead. */
  get movedPorts(): ReadonlyMap<number, number> {
    return this.moved;
  }

  /** Where a port of the app is: itself, unless it was taken on this machine. */
  portOf(wanted: number): number {
    return this.moved.get(wanted) ?? wanted;
  }

  /** `meshform down`. What a test that ran into its time limit has left running, such as an `up`, ends before: it has locked the lab. */
  async down(): Promise<Outcome> {
    await Promise.all([...this.commands].map(interrupt));
    return this.meshform(["down"]);
  }

  /** A command of `meshform`, on this lab. */
  meshform([command = "", ...args]: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    return run(process.execPath, [CLI, command, "--name", this.name, ...args], {
      ...{ env, timeoutMs: 10 * 60_000 },
      ...(this.folder !== undefined && { cwd: this.folder }),
      onStart: (child) => {
        this.commands.add(child);
        child.once("close", () => this.commands.delete(child));
      },
    });
  }

  /** What `up` printed to open. */
  url(name: string): string {
    const url = this.urls[name];
    if (url === undefined) {
      throw new Error(`up printed no URL of ${name}, only of: ${Object.keys(this.urls).join(", ") || "nothing"}.`);
    }
    return url;
  }

  /**
   * Asks Consul or Nomad.
   *
   * @param token what is shown; a management token by default, where the lab asks for any
   */
  async api<T>(
    api: ApiName,
    path: string,
    method = "GET",
    body?: unknown,
    token = this.tokenFor(...engineAndDatacenter(api)),
  ): Promise<T> {
    const [engine] = engineAndDatacenter(api);
    const response = await fetch(`${this.url(api)}${path}`, {
      method,
      headers: token ? { [`X-${engine}-Token`]: token } : {},
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`${api} answers ${method} ${path} with ${response.status}: ${text}`);
    }
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** Runs a program inside a task, in the network of its allocation. */
  async inTask(
    allocation: string,
    task: string,
    command: readonly string[],
    /** Where there are several. */
    datacenter?: string,
  ): Promise<Outcome> {
    const { nomad } = await engines();
    const url = this.url(datacenter === undefined ? "Nomad" : `Nomad (${datacenter})`);
    const args = ["alloc", "exec", `-address=${url}`, "-i=false", "-t=false", "-task", task, allocation];
    return run(nomad.path, [...args, ...command], { env: { NOMAD_TOKEN: this.tokenFor("Nomad", datacenter) ?? "" } });
  }

  /** Runs a command on a host, as `meshform exec` does. */
  async onHost(host: string, ...command: readonly string[]): Promise<Outcome> {
    const { program, args, env } = commandOnHost(this.name, host, command);
    return run(program, args, { env, isolated: true, timeoutMs: 150_000 });
  }

  /** A management token; undefined where the lab asks for none. */
  tokenFor(engine: Engine, datacenter = "dc1"): string | undefined {
    const credentials = readCredentials(new LabFiles(this.name), datacenter);
    return engine === "Consul" ? credentials?.consulToken : credentials?.nomadToken;
  }
}

/** Ends a command as Ctrl-C does, and one that does not end by force. */
async function interrupt(child: ChildProcess): Promise<void> {
  const closed = once(child, "close");
  child.kill("SIGINT");
  const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
  await closed;
  clearTimeout(timer);
}

function engineAndDatacenter(api: ApiName): [Engine, string | undefined] {
  const [, engine, datacenter] = /^(\w+)(?: \((.+)\))?$/.exec(api) ?? [];
  return [engine as Engine, datacenter];
}
