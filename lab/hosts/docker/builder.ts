import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupOf, cgroupsOf, removeCgroups } from "../../machine/cgroups";
import { quote, commandLine } from "../../../constructs/linux/shell";
import { lastLines } from "../host";
import type { LabFiles } from "../../core/lab-files";
import { startNamespaces } from "../namespaces";
import { kill, type ProcessRecord } from "../../machine/processes";
import { waitFor } from "../../core/wait";
import { Daemon } from "./daemon";

/** Stands in the names of control groups where those of a host have the host's. */
const group = "images";

/**
 * A Docker daemon of the lab's own in the machine's network, for what hosts cannot do: they reach no registry. It runs only while
 * images are prepared; what it has fetched and built stays in the lab's folder.
 */
export class ImageBuilder {
  private constructor(
    readonly daemon: Daemon,
    private readonly lab: string,
    private readonly processes: readonly ProcessRecord[],
  ) {}

  /** @throws LabError with the last lines of its log if it does not start */
  static async start(files: LabFiles, dockerd: string, signal?: AbortSignal): Promise<ImageBuilder> {
    const folder = files.builder;
    mkdirSync(join(folder, "data"), { recursive: true, mode: 0o700 });
    rmSync(join(folder, "run"), { recursive: true, force: true });
    const socket = join(folder, "docker.sock");
    const script = join(folder, "boot.sh");
    const log = join(folder, "dockerd.log");
    writeFileSync(script, bootScript(folder, dockerd, socket, `/${cgroupOf(files.name, group)}`));
    const { holder, init } = await startNamespaces(files.name, script, log, () => undefined, {
      network: "machine",
      env: proxyVariables(process.env),
    });
    const builder = new ImageBuilder(new Daemon(socket), files.name, [init, holder]);
    try {
      await waitFor("a Docker daemon that prepares images", () => builder.daemon.answers(), {
        ...{ timeoutMs: 30_000, intervalMs: 50, signal },
        lastSeen: () => lastLines(log),
      });
      return builder;
    } catch (error) {
      await builder.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await kill(this.processes);
    await removeCgroups(cgroupsOf(this.lab, group));
  }
}

function bootScript(folder: string, dockerd: string, socket: string, cgroup: string): string {
  const command = [
    ...[dockerd, "--host", `unix://${socket}`, "--data-root", join(folder, "data")],
    ...["--exec-root", join(folder, "run"), "--pidfile", join(folder, "docker.pid")],
    // The machine's network and firewall stay as they are.
    ...["--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"],
    ...["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", cgroup],
  ];
  return `#!/bin/sh
# Fetches and builds images for the lab, with the machine's network.
set -eu
mount -t proc proc /proc
${ownFolders(folder)}
# It would use the containerd that the machine has.
[ ! -d /run/containerd ] || mount -t tmpfs tmpfs /run/containerd
rm -f ${quote(socket)} ${quote(join(folder, "docker.pid"))}
exec ${commandLine(command)}
`;
}

/**
 * Commands that give a Docker daemon, in mount namespaces of its own, copies of `/opt` and `/run` with the folders of the machine in them.
 * Whatever its options, it creates folders there.
 *
 * @param folder where the copies are mounted first
 */
export function ownFolders(folder: string): string {
  return `for folder in /opt /run; do
  copy=${quote(join(folder, "copies"))}$folder
  mkdir -p "$copy"
  mount -t tmpfs -o mode=0755 tmpfs "$copy"
  for entry in "$folder"/*; do
    if [ -d "$entry" ] && [ ! -L "$entry" ]; then
      mkdir "$copy/\${entry##*/}"
      mount --rbind "$entry" "$copy/\${entry##*/}"
    elif [ -f "$entry" ] || [ -L "$entry" ]; then
      cp -a "$entry" "$copy/"
    fi
  done
  mount --move "$copy" "$folder"
done`;
}

/** How registries are reached from this machine. */
function proxyVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]): [string, string][] =>
      value !== undefined && /^((https?|no|all)_proxy|SSL_CERT_(FILE|DIR))$/i.test(name) ? [[name, value]] : [],
    ),
  );
}
