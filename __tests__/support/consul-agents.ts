import { kill } from "../../lab/machine/processes";
import { eventually } from "./eventually";
import type { TestLab } from "./lab";
import { agentOf } from "./lab-hosts";

/** A check of a service, as the Consul agent of its host has it. */
export interface AgentCheck {
  readonly ServiceName: string;
  readonly Name: string;
  readonly Status: string;
  /** As Go writes durations. */
  readonly Interval: string;
  readonly Output: string;
}

/** Has Consul agents read their configuration again, as `systemctl reload` does: the tokens of a client host may not ask for it. */
export async function reloadConsul(lab: TestLab, ...hosts: readonly string[]): Promise<void> {
  const pids = hosts.map((host) => agentOf(lab, host, "consul").pid);
  for (const pid of pids) process.kill(pid, "SIGHUP");
  // A signal says nothing when it has been heeded.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}

/** Kills Consul agents, and waits until their hosts have started them again. */
export async function crashConsul(lab: TestLab, ...hosts: readonly string[]): Promise<void> {
  const agents = hosts.map((host) => agentOf(lab, host, "consul"));
  await kill(agents);
  await eventually(async () => {
    hosts.forEach((host, index) => expect(agentOf(lab, host, "consul").pid).not.toBe(agents[index].pid));
    await checksOf(lab, ...hosts);
  });
}

/** The checks of all services of hosts, asked of the hosts' own agents: servers learn of them later. */
export async function checksOf(lab: TestLab, ...hosts: readonly string[]): Promise<readonly AgentCheck[]> {
  // Where the lab is secure the environment says how its agents are met.
  const program = `
    const { readFileSync } = require("fs");
    const { CONSUL_HTTP_ADDR = "http://127.0.0.1:8500", CONSUL_HTTP_TOKEN = "", ...env } = process.env;
    const [ca, cert, key] = ["CONSUL_CACERT", "CONSUL_CLIENT_CERT", "CONSUL_CLIENT_KEY"].map((name) => env[name] && readFileSync(env[name]));
    const { get } = require(CONSUL_HTTP_ADDR.startsWith("https") ? "https" : "http");
    get(CONSUL_HTTP_ADDR + "/v1/agent/checks", { headers: { "X-Consul-Token": CONSUL_HTTP_TOKEN }, ca, cert, key }, async (it) => {
      console.log((await it.toArray()).join(""));
    });`;
  const outcomes = await Promise.all(hosts.map((host) => lab.onHost(host, "node", "-e", program)));
  return outcomes.flatMap(({ output }) => Object.values(JSON.parse(output) as Record<string, AgentCheck>));
}

/**
 * Waits until every check on hosts passes, for their agents and in the catalog, which hears of it later. Among them is Consul's own
 * check of each sidecar, which its agent adds whenever it reads its services again.
 *
 * @param proxyServices services whose sidecars must be there, being the Envoys of gateways
 */
export async function expectHealthy(
  lab: TestLab,
  hosts: readonly string[],
  proxyServices: readonly string[] = [],
): Promise<void> {
  await eventually(async () => {
    const checks = await checksOf(lab, ...hosts);
    expect(checks.filter(({ Status }) => Status !== "passing")).toEqual([]);
    const nodes = hosts.map((host) => lab.api<readonly AgentCheck[]>("Consul", `/v1/health/node/${host}`));
    const known = (await Promise.all(nodes)).flat();
    expect(known.length).toBeGreaterThan(checks.length);
    expect(known.filter(({ Status }) => Status !== "passing")).toEqual([]);
    const listening = checks.filter(({ Name }) => Name === "Connect Sidecar Listening");
    const sidecars = proxyServices.map((proxyService) => `${proxyService}-sidecar-proxy`);
    expect(listening.map(({ ServiceName }) => ServiceName)).toEqual(expect.arrayContaining(sidecars));
  });
}
