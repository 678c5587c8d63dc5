import { readdirSync, readFileSync } from "node:fs";
import { markedProcesses } from "../../lab/processes";
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
  return {
    mounts: lines(readFileSync("/proc/self/mounts", "utf8")),
    interfaces: (await output("ip", "-oneline", "link")).map((line) => line.replace(/^\d+: /, "")),
    namespaces: await output("ip", "netns"),
    rules: (await output("iptables-save")).filter((line) => !/^[#:]/.test(line)),
    groups: (await output("find", "/sys/fs/cgroup", "-type", "d", "-name", "meshform.*")).filter(isOurs),
    files: folders(["/var/lib/meshform", "/var/lib/meshform/labs"]).filter(isOurs),
    others: folders(["/run", "/run/netns", "/dev/shm", "/var/lib", "/opt", "/etc/consul.d", "/etc/nomad.d"]),
    processes: labs.flatMap((lab) => markedProcesses(lab).map(({ pid }) => `${lab}: ${pid}`)),
  };
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
