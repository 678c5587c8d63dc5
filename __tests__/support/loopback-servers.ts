import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { composeHost } from "../../constructs/linux/compose-host";
import { consulServer } from "../../constructs/linux/consul-server";
import type { HostData } from "../../constructs/linux/host";
import type { HostToolRole } from "../../constructs/linux/host-tool/host-tool";
import { nomadServer } from "../../constructs/linux/nomad-server";
import { ensureEngines } from "../../lab/engines/ensure-engines";
import { documentsIn, FolderHost } from "./host-tool";

type Engine = "consul" | "nomad";

/** The document of a store that is for people. */
export interface OperatorSecrets {
  readonly consul: { readonly ca: string; readonly managementToken: string };
  readonly nomad: { readonly ca: string; readonly managementToken: string };
}

/**
 * Secure servers, as the roles configure them, on one machine: each is a folder with a loopback address of its own. Their agents
 * run as root and see their folder by its own path, which is all that their configuration is changed in.
 */
export class LoopbackServers {
  readonly folder = mkdtempSync(join(tmpdir(), "meshform-servers-"));
  readonly store = join(this.folder, "store");
  readonly servers: LoopbackServer[];

  constructor(count: number) {
    mkdirSync(this.store, { mode: 0o700 });
    // Other tests may use the same ports at this time.
    const net = `127.${randomByte()}.${randomByte()}`;
    const addresses = Array.from({ length: count }, (_, index) => `${net}.${index + 1}`);
    this.servers = addresses.map(
      (address, index) => new LoopbackServer(this, `server-${index + 1}`, address, addresses),
    );
  }

  get operator(): OperatorSecrets {
    return documentsIn(this.store)["operator.json"] as OperatorSecrets;
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
    rmSync(this.folder, { recursive: true });
  }
}

export class LoopbackServer {
  readonly host: FolderHost;
  private readonly data: HostData;
  private agents: Partial<Record<Engine, ChildProcess>> = {};

  constructor(
    private readonly cluster: LoopbackServers,
    readonly name: string,
    readonly address: string,
    addresses: readonly string[],
  ) {
    const roles: HostToolRole[] = ["consul-server", "nomad-server"];
    const common = { retryJoin: addresses, retryInterval: "1s", bootstrapExpect: addresses.length };
    this.data = composeHost(
      name,
      consulServer({
        ...{ ...common, version: "1.21.0", bindAddress: address },
        override: { client_addr: address, addresses: { https: address, grpc_tls: address }, node_name: name },
      }),
      nomadServer({
        ...{ ...common, version: "1.11.3", advertiseAddress: address, consulAddress: `${address}:8501` },
        override: { bind_addr: address, name },
      }),
    );
    this.host = new FolderHost(join(cluster.folder, name), {
      store: { type: "directory", path: cluster.store },
      ...{ roles, node: name, address },
      consulApi: `http://${address}:8500`,
      nomadApi: `https://${address}:4646`,
      snapshots: { directory: "/var/lib/meshform/snapshots", retain: 2 },
    });
    this.writeFiles();
  }

  private writeFiles(): void {
    for (const { path } of this.data.directories) mkdirSync(this.host.path(path), { recursive: true });
    for (const { path, content } of this.data.files) {
      this.host.write(
        path,
        content.replaceAll(/"(\/etc|\/opt)\//g, (_, top: string) => `"${this.host.path(top)}/`),
      );
    }
  }

  /** Starts both agents, whose secrets must be there. */
  async start(): Promise<void> {
    const engines = await ensureEngines();
    const [consul, nomad] = ["/etc/consul.d", "/etc/nomad.d"].map((folder) => this.host.path(folder));
    this.supervise("consul", [engines.consul.path, "agent", `-config-dir=${consul}`]);
    this.supervise("nomad", [engines.nomad.path, "agent", `-config=${nomad}`]);
  }

  /** The process that is an agent now. */
  pid(engine: Engine): number | undefined {
    return this.agents[engine]?.pid;
  }

  async stop(): Promise<void> {
    const agents = Object.values(this.agents);
    this.agents = {};
    await Promise.all(
      agents.map(async (agent) => {
        if (agent.exitCode !== null || agent.signalCode !== null) return;
        const ended = once(agent, "exit");
        agent.kill("SIGKILL");
        await ended;
      }),
    );
  }

  /** Forgets everything but the host's own files: a new machine of the same cluster. */
  forget(): void {
    rmSync(this.host.root, { recursive: true });
    const { root, config } = this.host;
    new FolderHost(root, config);
    this.writeFiles();
  }

  /** The log of an agent. */
  log(engine: Engine): string {
    return readFileSync(join(this.cluster.folder, `${this.name}-${engine}.log`), "utf8");
  }

  /** Asks Consul over its plain HTTP port, with the management token unless told otherwise. */
  async consul<T>(path: string, method = "GET", body?: unknown, token?: string): Promise<T> {
    const response = await fetch(`http://${this.address}:8500${path}`, {
      method,
      headers: { "X-Consul-Token": token ?? this.cluster.operator.consul.managementToken },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Consul answers ${method} ${path} with ${response.status}: ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** Asks Nomad over HTTPS, with the management token. */
  async nomad<T>(path: string, method = "GET", body?: unknown): Promise<T> {
    const { ca, managementToken } = this.cluster.operator.nomad;
    const call = request(`https://${this.address}:4646${path}`, {
      ...{ method, ca, timeout: 10_000, agent: false },
      headers: { "X-Nomad-Token": managementToken },
    });
    call.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(call, "response")) as [AsyncIterable<Buffer> & { statusCode: number }];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    if (response.statusCode !== 200)
      throw new Error(`Nomad answers ${method} ${path} with ${response.statusCode}: ${text}`);
    return JSON.parse(text) as T;
  }

  /** Starts an agent, and again whenever it ends by itself. */
  private supervise(engine: Engine, [program, ...args]: [string, ...string[]]): void {
    const log = openSync(join(this.cluster.folder, `${this.name}-${engine}.log`), "a");
    // Nomad's AWS library dies of this variable.
    const env = { PATH: process.env.PATH, HOME: this.cluster.folder, AWS_CA_BUNDLE: undefined };
    const agent = spawn(program, args, { env, stdio: ["ignore", log, log] });
    closeSync(log);
    this.agents[engine] = agent;
    agent.once("exit", () => {
      if (this.agents[engine] === agent) this.supervise(engine, [program, ...args]);
    });
  }
}

function randomByte(): number {
  return 1 + Math.floor(Math.random() * 250);
}
