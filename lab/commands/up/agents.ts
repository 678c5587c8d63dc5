import { existsSync } from "node:fs";
import { HOST_TOOL } from "../../../constructs/linux/host-tool/host-tool";
import { DRAINED_FILE } from "../../../constructs/linux/systemd";
import { areBootstrapped, areReady, haveLeaders, readAgents } from "../../cluster/agents";
import { LabError } from "../../core/errors";
import { invocation } from "../../core/invocation";
import { waitFor } from "../../core/wait";
import { lastLines, openGate } from "../../hosts/host";
import { hostsOf, type LabHost } from "../../hosts/topology";
import { hostToolStatus } from "../host-tool";
import type { Run, Site } from "./run";

/** How often servers without a leader are asked whether they wait for a person, in milliseconds. */
const HOPE_MS = 5_000;

/** Waits until the servers have leaders and, where there is access control, that is set up. */
export async function awaitServers(run: Run, sites: readonly Site[]): Promise<void> {
  await run.atEach(sites, async ({ datacenter, cluster }) => {
    const servers = hostsOf(datacenter, "server");
    let asked = Date.now();
    const haveLeadersOrHope = async () => {
      if (await haveLeaders(cluster)) return true;
      // New servers first look for the others.
      if (run.isSecure && Date.now() - asked > HOPE_MS) {
        await Promise.all(servers.map(({ name }) => requireHope(run, name)));
        asked = Date.now();
      }
      return false;
    };
    await waitFor(`the leaders of Consul and Nomad${run.in(datacenter)}`, haveLeadersOrHope, {
      ...run.patience,
      intervalMs: 50,
      lastSeen: () =>
        agentLogs(
          run,
          servers.map(({ name }) => name),
        ),
    });
    const what = `the access control of Consul and Nomad${run.in(datacenter)} to be set up`;
    const isSetUp = () => !run.isSecure || areBootstrapped(cluster);
    await waitFor(what, isSetUp, {
      ...run.patience,
      intervalMs: 50,
      lastSeen: () => servers.map(({ name }) => lastLines(aclLog(run, name), 5)).join("\n"),
    });
    // A server that is not yet counted knows no leader, and what follows may ask any of them.
    await awaitAgentsOf(run, { datacenter, cluster }, servers);
  });
}

/** @throws LabError if a server waits for a state that nobody has */
async function requireHope(run: Run, server: string): Promise<void> {
  const { recovery = {} } = (await hostToolStatus(run.lab.name, server)) ?? {};
  const hopeless = Object.values(recovery).find(({ state }) => state === "no snapshot");
  if (hopeless === undefined) return;
  const recover = `${invocation("exec", "--name", run.lab.name, server)} ${HOST_TOOL} recover --empty`;
  throw new LabError(
    `All servers of the lab are new, and there is no valid snapshot to restore. ${hopeless.reason}`,
    `Start with an empty state: \`${recover}\`, then run \`${invocation("up")}\` again.`,
  );
}

function aclLog(run: Run, server: string): string {
  return run.lab.files.hostLog(server, "meshform-acl");
}

/** Lets the clients start their agents, and waits for all. */
export async function awaitAgents(run: Run, sites: readonly Site[]): Promise<void> {
  for (const { datacenter } of sites) {
    for (const { name } of hostsOf(datacenter, "client")) openGate(run.lab.files, name);
  }
  await run.atEach(sites, (site) => awaitAgentsOf(run, site, site.datacenter.hosts));
}

async function awaitAgentsOf(run: Run, { datacenter, cluster }: Site, hosts: readonly LabHost[]): Promise<void> {
  const notReady = async () => {
    const agents = await readAgents(cluster, datacenter);
    return agents.filter(
      (agent) =>
        hosts.some(({ name }) => name === agent.host) && (!areReady([agent]) || takesJobsAgain(run, agent.host)),
    );
  };
  const whose = hosts === datacenter.hosts ? "all agents" : "the agents of all servers";
  await waitFor(`${whose}${run.in(datacenter)} to be ready`, async () => (await notReady()).length === 0, {
    ...run.patience,
    intervalMs: 50,
    lastSeen: async () => {
      const late = await notReady();
      const states = late.map(({ host, consul, nomad }) => `${host}: Consul ${consul}, Nomad ${nomad}`);
      return [
        ...states,
        agentLogs(
          run,
          late.map(({ host }) => host),
        ),
      ].join("\n");
    },
  });
}

/** Whether a host that was booted just now has left for that, and will have Nomad place jobs there again. */
function takesJobsAgain(run: Run, host: string): boolean {
  const init = run.booted.has(host) ? run.lab.initOf(host) : undefined;
  return init !== undefined && existsSync(`/proc/${init.pid}/root${DRAINED_FILE}`);
}

function agentLogs(run: Run, hosts: readonly string[]): string {
  const logs = hosts.flatMap((host) => ["consul", "nomad"].map((unit) => ({ host, unit })));
  return logs
    .map(({ host, unit }) => `${unit} on ${host}:\n${lastLines(run.lab.files.hostLog(host, unit), 5)}`)
    .join("\n");
}
