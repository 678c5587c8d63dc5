import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { markedProcesses } from "../../lab/machine/processes";
import { run } from "./lab";

/**
 * All that a lab could leave behind on the machine: mounts, interfaces, named network namespaces, iptables rules, control
 * groups, files, listening ports and processes.
 *
 * @param labs the labs whose control groups, files and processes are looked for
 */
export async function traces(labs: readonly string[]): Promise<Record<string, string[]>> {
  const output = async (command: string, ...args: string[]) => lines((await run(command, args)).output);
  const isOurs = (path: string) => labs.some((lab) => path.includes(lab));
  const root = "/var/lib/meshform";
  // The folder of all labs is there as long as another suite has one.
  const isShared = folders([root, `${root}/labs`]).some((path) => path !== `${root}/labs` && !isOurs(path));
  return {
    // Below the folder for temporary files are the agents of other suites; a lab has nothing there.
    mounts: lines(readFileSync("/proc/self/mounts", "utf8")).filter((line) => !line.includes(` ${tmpdir()}/`)),
    interfaces: (await output("ip", "-oneline", "link")).map((line) => line.replace(/^\d+: /, "")),
    namespaces: await output("ip", "netns"),
    rules: (await output("iptables-save")).filter((line) => !/^[#:]/.test(line)),
    groups: (await output("find", "/sys/fs/cgroup", "-type", "d", "-name", "meshform.*")).filter(isOurs),
    files: folders([root, `${root}/labs`]).filter(isOurs),
    others: folders(["/run", "/run/netns", "/dev/shm", "/var/lib", "/opt", "/etc/consul.d", "/etc/nomad.d"]).filter(
      (path) => path !== root || !isShared,
    ),
    processes: labs.flatMap((lab) => markedProcesses(lab).map(({ pid }) => `${lab}: ${pid}`)),
  };
}

/** What was not there before. What other suites had and have no longer is no matter. */
export async function newTraces(before: Record<string, string[]>, labs: readonly string[]): Promise<string[]> {
  const after = Object.entries(await traces(labs));
  return after.flatMap(([kind, found]) => found.filter((it) => !before[kind].includes(it)));
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

function folders(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    try {
      return readdirSync(path).map((entry) => `${path}/${entry}`);
    } catch {
      return [];
    }
  });
}
