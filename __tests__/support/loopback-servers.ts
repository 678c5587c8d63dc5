import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { composeHost } from "../../constructs/linux/compose-host";
import { consulClient } from "../../constructs/linux/consul-client";
import { consulServer } from "../../constructs/linux/consul-server";
import type { HostData } from "../../constructs/linux/host";
import { HOST_TOOL, type HostToolRole } from "../../constructs/linux/host-tool/host-tool";
import { nomadClient } from "../../constructs/linux/nomad-client";
import { nomadServer } from "../../constructs/linux/nomad-server";
import { engines } from "./engines";
import { documentsIn, engineEnvironment, FolderHost } from "./host-tool";

type Engine = "consul" | "nomad";

/** The document of a store that is for who applies access rules. */
export interface ManagementSecrets {
  readonly consul: ManagedEngine;
  readonly nomad: ManagedEngine;
}

interface ManagedEngine {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  readonly managementToken: string;
}

/**
 * Secure servers, as the roles configure them, on one machine: each is a folder with a loopback address of its own. Their agents
 * run as root and see their folder by its own path, which is all that their configuration is changed in.
 */
export class LoopbackServers {
  readonly folder = mkdtempSync(join(tmpdir(), "meshform-servers-"));
  readonly store = join(this.folder, "store");
  /** Where all of them save what they know. */
  readonly snapshots = join(this.folder, "snapshots");
  servers: readonly LoopbackServer[];
  /** Servers at other addresses, which are what the agents look for, too. */
  private readonly spares: readonly LoopbackServer[];
  /** A host with client agents. Who needs it starts it. */
  readonly client: LoopbackServer;

  constructor(count: number) {
    mkdirSync(this.store, { mode: 0o700 });
    // Other tests may use the same ports at this time.
    const net = `127.${randomByte()}.${randomByte()}`;
    const addresses = Array.from({ length: 2 * count }, (_, index) => `${net}.${index + 1}`);
    const servers = addresses.map(
      (address, index) => new LoopbackServer(this, `server-${index + 1}`, address, addresses),
    );
    [this.servers, this.spares] = [servers.slice(0, count), servers.slice(count)];
    this.client = new LoopbackServer(this, "client-1", `${net}.101`, addresses, ["consul-client", "nomad-client"]);
  }

  /** Ends all servers. New ones, which know nothing and have other names and addresses, are in their places; they do not run yet. */
  async replaceAll(): Promise<void> {
    await Promise.all(this.servers.map((each) => each.stop()));
    this.servers = this.spares;
  }

  get management(): ManagementSecrets {
    return documentsIn(this.store).management as ManagementSecrets;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.servers, this.client].map((host) => host.stop()));
    rmSync(this.folder, { recursive: true });
  }
}

export class LoopbackServer {
  readonly host: FolderHost;
  private readonly data: HostData;
  private agents: Partial<Record<Engine, ChildProcess>> = {};
  private follower: ChildProcess | undefined;

  constructor(
    private readonly cluster: LoopbackServers,
    readonly name: string,
    readonly address: string,
    addresses: readonly string[],
    roles: readonly HostToolRole[] = ["consul-server", "nomad-server"],
  ) {
    const joining = { retryJoin: addresses, retryInterval: "1s" };
    // Half of them are spares.
    const common = { ...joining, bootstrapExpect: addresses.length / 2 };
    const consul = {
      ...{ version: "1.21.0", bindAddress: address },
      override: { client_addr: address, addresses: { https: address, grpc_tls: address }, node_name: name },
    };
    const nomad = { version: "1.11.3", advertiseAddress: address, consulAddress: `${address}:8501` };
    const isServer = roles.includes("consul-server");
    this.data = composeHost(
      name,
      // One of them lets browsers in.
      isServer
        ? consulServer({ ...common, ...consul, verifyHttpsClients: name !== "server-3" })
        : consulClient({ ...joining, ...consul, dnsForwarding: false }),
      isServer
        ? nomadServer({
            ...{ ...common, ...nomad },
            // A node that is gone is missed after seconds.
            override: { bind_addr: address, name, server: { heartbeat_grace: "1s", min_heartbeat_ttl: "2s" } },
          })
        : nomadClient({
            ...{
              ...joining,
              ...nomad,
              cniVersion: "none",
              networkInterface: "lo",
              override: { bind_addr: address, name },
            },
            fingerprintDenylist: ["env_aws", "env_gce", "env_azure", "env_digitalocean"],
          }),
    );
    this.host = new FolderHost(join(cluster.folder, name), {
      store: { type: "directory", path: cluster.store },
      ...{ roles, node: name, address },
      certificateNames: ["consul.example.com", "192.0.2.7"],
      consulApi: `https://${address}:8501`,
      nomadApi: `https://${address}:4646`,
      snapshots: { store: { type: "directory", path: cluster.snapshots }, retain: 2 },
    });
    this.writeFiles();
  }

  private writeFiles(): void {
    // Their agents run as root.
    this.host.write("/etc/passwd", ["root", "consul", "nomad"].map((name) => `${name}:x:0:0::/:/bin/sh\n`).join(""));
    for (const { path } of this.data.directories) mkdirSync(this.host.path(path), { recursive: true });
    for (const { path, content } of this.data.files) {
      this.host.write(
        path,
        content.replaceAll(/"(\/etc|\/opt)\//g, (_, top: string) => `"${this.host.path(top)}/`),
      );
    }
  }

  /** Starts agents, whose secrets must be there. */
  async start(which: readonly Engine[] = ["consul", "nomad"]): Promise<void> {
    const found = await engines();
    const [consul, nomad] = ["/etc/consul.d", "/etc/nomad.d"].map((folder) => this.host.path(folder));
    if (which.includes("consul")) this.supervise("consul", [found.consul.path, "agent", `-config-dir=${consul}`]);
    if (which.includes("nomad")) this.supervise("nomad", [found.nomad.path, "agent", `-config=${nomad}`]);
  }

  /** Runs what keeps its secrets as the store has them, until the servers stop. */
  async follow(): Promise<void> {
    const log = openSync(join(this.cluster.folder, `${this.name}-follow.log`), "a");
    const env = { ...process.env, ...(await engineEnvironment()) };
    this.follower = spawn(this.host.path(HOST_TOOL), ["--root", this.host.root, "follow"], {
      ...{ env, stdio: ["ignore", log, log] },
    });
    closeSync(log);
  }

  /** What that has said. */
  followed(): string {
    return readFileSync(join(this.cluster.folder, `${this.name}-follow.log`), "utf8");
  }

  /** Ends that. */
  async unfollow(): Promise<void> {
    const { follower } = this;
    this.follower = undefined;
    if (follower === undefined || follower.exitCode !== null) return;
    const ended = once(follower, "exit");
    follower.kill();
    await ended;
  }

  /** The process that is an agent now. */
  pid(engine: Engine): number | undefined {
    return this.agents[engine]?.pid;
  }

  /** @param signal a client that gets SIGTERM leaves, so that the others do not miss it */
  async stop(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    await this.unfollow();
    const agents = Object.values(this.agents);
    this.agents = {};
    await Promise.all(
      agents.map(async (agent) => {
        if (agent.exitCode !== null || agent.signalCode !== null) return;
        const ended = once(agent, "exit");
        agent.kill(signal);
        await ended;
      }),
    );
  }

  /** The log of an agent. */
  log(engine: Engine): string {
    return readFileSync(join(this.cluster.folder, `${this.name}-${engine}.log`), "utf8");
  }

  /** Asks Consul, with the management token unless another one is given. */
  consul<T>(path: string, method = "GET", body?: unknown, token?: string): Promise<T> {
    return this.ask("Consul", 8501, this.cluster.management.consul, path, method, body, token);
  }

  /** Asks Nomad, with the management token unless another one is given. */
  nomad<T>(path: string, method = "GET", body?: unknown, token?: string): Promise<T> {
    return this.ask("Nomad", 4646, this.cluster.management.nomad, path, method, body, token);
  }

  private async ask<T>(
    engine: string,
    port: number,
    { ca, certificate, key, managementToken }: ManagedEngine,
    path: string,
    method: string,
    body: unknown,
    token = managementToken,
  ): Promise<T> {
    const call = request(`https://${this.address}:${port}${path}`, {
      ...{ method, ca, cert: certificate, key, timeout: 10_000, agent: false },
      headers: { [`X-${engine}-Token`]: token },
    });
    call.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(call, "response")) as [AsyncIterable<Buffer> & { statusCode: number }];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    if (response.statusCode !== 200) {
      throw new Error(`${engine} answers ${method} ${path} with ${response.statusCode}: ${text}`);
    }
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** How many servers have a vote, as this one sees it. */
  async voters(): Promise<Record<Engine, number>> {
    type Raft = { readonly Servers: readonly { readonly Voter: boolean }[] };
    const count = ({ Servers }: Raft) => Servers.filter(({ Voter }) => Voter).length;
    const path = "/v1/operator/raft/configuration";
    return { consul: count(await this.consul<Raft>(path)), nomad: count(await this.nomad<Raft>(path)) };
  }

  /** Starts an agent, and again whenever it ends. */
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
