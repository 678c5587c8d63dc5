import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Starts an agent with a configuration file as its last argument; all that it writes is below the folder. */
export function startAgent(folder: string, name: string, [program, ...args]: string[], config: object): ChildProcess {
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(config));
  const temporary = join(folder, name);
  mkdirSync(temporary);
  const log = openSync(join(folder, `${name}.log`), "w");
  // Nomad's AWS library dies of this variable, and development mode keeps its data in TMPDIR.
  const env = { ...process.env, AWS_CA_BUNDLE: undefined, TMPDIR: temporary };
  const agent = spawn(program, [...args, file], { env, stdio: ["ignore", log, log] });
  agent.once("exit", (code, signal) => {
    if (agent.killed) return;
    const last = readFileSync(join(folder, `${name}.log`), "utf8")
      .trimEnd()
      .split("\n")
      .slice(-20)
      .join("\n");
    console.error(`${name} ended although nobody ended it (${signal ?? code}):\n${last}`);
  });
  return agent;
}

/** Ends agents, and removes all that they left. */
export async function endAgents(folder: string, agents: readonly ChildProcess[]): Promise<void> {
  await Promise.all(agents.map(end));
  killBelow(folder);
  unmountBelow(folder);
  rmSync(folder, { recursive: true, force: true });
}

async function end(agent: ChildProcess): Promise<void> {
  if (agent.exitCode !== null || agent.signalCode !== null) return;
  const ended = once(agent, "exit");
  agent.kill("SIGINT");
  const killer = setTimeout(() => agent.kill("SIGKILL"), 15_000);
  await ended;
  clearTimeout(killer);
}

/** Nomad leaves the helper of a task that ended just before it. */
function killBelow(folder: string): void {
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (readFileSync(`/proc/${pid}/environ`, "utf8").includes(`TMPDIR=${folder}/`))
        process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has ended in the meantime.
    }
  }
}

/** Nomad leaves the tmpfs mounts of its tasks' secrets. */
function unmountBelow(folder: string): void {
  const mounts = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ").at(1) ?? "")
    .filter((path) => path.startsWith(`${folder}/`));
  for (const mount of mounts.reverse()) execFileSync("umount", [mount], { timeout: 60_000 });
}
