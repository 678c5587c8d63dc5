import type { ChildProcess } from "node:child_process";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { freePorts } from "../../lab/core/free-ports";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { endAgents, startAgent } from "../support/agent-processes";
import { standInForAwsCli } from "../support/aws-cli";
import { eventually } from "../support/eventually";
import { CLI, run } from "../support/lab";
import { blocksOf } from "../support/page";

const MINUTE = 60_000;
jest.setTimeout(3 * MINUTE);

/** A Consul server with TLS and ACLs, as it is in each region. */
class Region {
  private agent?: ChildProcess;
  private readonly folder = mkdtempSync(join(tmpdir(), "meshform-region-"));
  private readonly token = randomUUID();

  private constructor(
    private readonly consul: string,
    readonly datacenter: string,
  ) {}

  static async start(consul: string, datacenter: string): Promise<Region> {
    const region = new Region(consul, datacenter);
    await region.start();
    return region;
  }

  /** Where sessions of this region lead to. */
  port = 0;

  /** What the secret store of the region has for people who manage it. */
  get management(): string {
    const [ca, certificate, key] = [
      "consul-agent-ca",
      ...["", "-key"].map((it) => `${this.datacenter}-server-consul-0${it}`),
    ].map((name) => readFileSync(join(this.folder, `${name}.pem`), "utf8"));
    const engine = { ca, certificate, key, managementToken: this.token };
    return JSON.stringify({ consul: engine, nomad: engine, tokens: {} });
  }

  async stop(): Promise<void> {
    await endAgents(this.folder, this.agent === undefined ? [] : [this.agent]);
  }

  private async start(): Promise<void> {
    const { consul, datacenter, folder } = this;
    for (const what of [
      ["ca", "create"],
      ["cert", "create", "-server", "-dc", datacenter],
    ]) {
      execFileSync(consul, ["tls", ...what], { cwd: folder, timeout: MINUTE, stdio: "pipe" });
    }
    const [https, grpc, server, serf, wan] = await freePorts(5);
    this.port = https;
    const file = (name: string) => join(folder, `${name}.pem`);
    this.agent = startAgent(folder, "consul", [consul, "agent", "-dev", "-bind=127.0.0.1", "-config-file"], {
      datacenter,
      acl: { enabled: true, default_policy: "deny", tokens: { initial_management: this.token, agent: this.token } },
      ports: { http: -1, dns: -1, grpc: -1, https, grpc_tls: grpc, server, serf_lan: serf, serf_wan: wan },
      tls: {
        defaults: {
          ...{ verify_incoming: true, verify_outgoing: true, ca_file: file("consul-agent-ca") },
          ...{ cert_file: file(`${datacenter}-server-consul-0`), key_file: file(`${datacenter}-server-consul-0-key`) },
        },
        grpc: { verify_incoming: false },
      },
    });
  }
}

let regions: readonly Region[] = [];
const folder = mkdtempSync(join(tmpdir(), "meshform-aws-cli-"));

afterAll(async () => {
  await Promise.all(regions.map((it) => it.stop()));
});

test("the commands for two regions of AWS connect to a server of each, and peer them", async () => {
  const { consul } = await ensureEngines();
  regions = [await Region.start(consul.path, "dc1"), await Region.start(consul.path, "dc2")];
  const [one, other] = regions.map(({ management, port }) => ({ management, ports: { 8501: port, 4646: port } }));
  const { PATH } = standInForAwsCli(folder, {
    "us-east-1": { cluster: "dev", ...one },
    "eu-west-1": { cluster: "dev-2", ...other },
  });
  const env = { PATH: [dirname(consul.path), PATH].join(delimiter) };
  const consulOf = async (cluster: string, region: string, ...command: readonly string[]) => {
    const connect = [CLI, "connect", "--cluster", cluster, "--region", region, "--", "consul", ...command];
    const { code, output } = await run(process.execPath, connect, { env });
    expect({ code, output }).toExit(0);
    return output;
  };
  await eventually(() => consulOf("dev", "us-east-1", "operator", "raft", "list-peers"), MINUTE);
  await eventually(() => consulOf("dev-2", "eu-west-1", "operator", "raft", "list-peers"), MINUTE);

  const block = blocksOf("docs/aws.md", "sh").find((it) => it.includes("peering generate-token")) ?? "";
  const commands = block.slice(block.search(/^.*peering generate-token/m)).replaceAll("npx meshform", `node ${CLI}`);
  const { code, output } = await run("bash", ["-o", "pipefail", "-c", commands], { env });
  expect({ code, output }).toExit(0);

  await eventually(async () => {
    expect(await consulOf("dev", "us-east-1", "peering", "list")).toMatch(/^dc2 +ACTIVE/m);
    expect(await consulOf("dev-2", "eu-west-1", "peering", "list")).toMatch(/^dc1 +ACTIVE/m);
  }, MINUTE);
});
