import { readFileSync } from "node:fs";
import { LabFiles } from "../../lab/core/lab-files";
import { isAlive, kill, recordOf, type ProcessRecord } from "../../lab/machine/processes";
import { readState } from "../../lab/hosts/state";
import type { TestLab } from "./lab";

/** The first process of a host: when it ends, the host is switched off. */
export function initOf({ name }: TestLab, host: string): ProcessRecord {
  const init = readState(new LabFiles(name))?.hosts.find((it) => it.name === host)?.init;
  if (!init || !isAlive(init)) throw new Error(`Host ${host} of lab ${name} is not running.`);
  return init;
}

/** Switches hosts off, as a power cut does. */
export async function powerOff(lab: TestLab, ...hosts: readonly string[]): Promise<void> {
  await kill(hosts.map((host) => initOf(lab, host)));
}

/** The process of an agent, by its unit's own command. */
export function agentOf(lab: TestLab, host: string, agent: "consul" | "nomad" | "vault"): ProcessRecord {
  const { pid } = initOf(lab, host);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
  const found = children.find((child) =>
    commandOf(child).startsWith(`/usr/local/bin/${agent} ${agent === "vault" ? "server" : "agent"}`),
  );
  const record = found === undefined ? undefined : recordOf(found);
  if (!record) throw new Error(`${agent} does not run on ${host}: ${children.map(commandOf).join("; ")}`);
  return record;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ");
  } catch {
    return "";
  }
}

/** How many servers have a vote: of Consul, and of Nomad. */
export function votersOf(lab: TestLab): Promise<number[]> {
  return Promise.all(
    (["Consul", "Nomad"] as const).map(async (engine) => {
      type Raft = { Servers: { Voter: boolean }[] };
      const { Servers } = await lab.api<Raft>(engine, "/v1/operator/raft/configuration");
      return Servers.filter(({ Voter }) => Voter).length;
    }),
  );
}
