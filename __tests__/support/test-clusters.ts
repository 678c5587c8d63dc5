import { mkdtempSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineEndpoint } from "../../lab/cluster/engine-api";
import type { Engines } from "../../lab/machine/engines/engine";
import { waitFor } from "../../lab/core/wait";
import { freePorts } from "../../lab/core/free-ports";
import { endAgents, startAgent } from "./agent-processes";

/** The ports of a Consul in development mode. */
export interface ConsulPorts {
  readonly http: number;
  readonly grpc: number;
  readonly grpcTls: number;
}

/** Agents of many small clusters, which end together. */
export class TestClusters {
  private readonly folder = mkdtempSync(join(tmpdir(), "meshform-clusters-"));
  private readonly agents: ReturnType<typeof startAgent>[] = [];
  private readonly ends: (() => Promise<void>)[] = [];

  constructor(private readonly engines: Pick<Engines, "consul" | "nomad">) {}

  /** A Consul server that has elected itself. @param settings of its configuration file, by its ports */
  async consul(name: string, settings: (ports: ConsulPorts) => Fields = () => ({}), token?: string): Promise<Consul> {
    const [http, grpc, server, lan, wan, grpcTls] = await freePorts(6);
    const { ports, ...rest } = settings({ http, grpc, grpcTls });
    const config = {
      ports: { http, dns: -1, grpc, grpc_tls: grpcTls, server, serf_lan: lan, serf_wan: wan, ...(ports as object) },
      ...rest,
    };
    const program = [this.engines.consul.path, "agent", "-dev", "-bind=127.0.0.1", "-config-file"];
    this.agents.push(startAgent(this.folder, name, program, config));
    const address = `http://127.0.0.1:${http}`;
    await waitFor(`the leader of ${name}`, () => says(`${address}/v1/status/leader`, /:/), { timeoutMs: 60_000 });
    return { address, token, grpc, grpcTls };
  }

  /**
   * A Nomad server and client in one, whose node is ready.
   *
   * @param settings of its configuration file
   * @param path what it has as PATH @default that of this process
   */
  async nomad(
    name: string,
    { client, ...settings }: Fields & { readonly client?: object },
    { token, path }: { readonly token?: string; readonly path?: string } = {},
  ): Promise<EngineEndpoint> {
    const [http, rpc, serf] = await freePorts(3);
    const config = {
      ports: { http, rpc, serf },
      client: { options: { "fingerprint.denylist": "env_aws,env_gce,env_azure,env_digitalocean" }, ...client },
      ...settings,
    };
    const [nomad, ...args] = [this.engines.nomad.path, "agent", "-dev", "-bind=127.0.0.1", "-config"];
    const program = path === undefined ? [nomad, ...args] : ["/usr/bin/env", `PATH=${path}`, nomad, ...args];
    this.agents.push(startAgent(this.folder, name, program, config));
    const address = `http://127.0.0.1:${http}`;
    if (token !== undefined) {
      const bootstrap = { method: "POST", body: JSON.stringify({ BootstrapSecret: token }) };
      await waitFor(`the ACLs of ${name}`, () => says(`${address}/v1/acl/bootstrap`, /SecretID/, bootstrap), {
        timeoutMs: 60_000,
      });
    }
    const headers = token === undefined ? undefined : { "X-Nomad-Token": token };
    await waitFor(`the node of ${name}`, () => says(`${address}/v1/nodes`, /"Status":"ready"/, { headers }), {
      timeoutMs: 60_000,
    });
    return { address, token };
  }

  /** An empty folder, which is removed with the rest. */
  emptyFolder(name: string): string {
    const path = join(this.folder, `empty-${name}`);
    mkdirSync(path);
    return path;
  }

  /** What is done before the agents end. */
  before(end: () => Promise<void>): void {
    this.ends.push(end);
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.ends.map((end) => end()));
    await endAgents(this.folder, this.agents);
  }
}

type Fields = Readonly<Record<string, unknown>>;

export interface Consul extends EngineEndpoint {
  readonly grpc: number;
  readonly grpcTls: number;
}

async function says(url: string, pattern: RegExp, init: RequestInit = {}): Promise<boolean> {
  return pattern.test(await (await fetch(url, init)).text());
}
