import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { HostRole } from "../../constructs/linux/compose-host";
import type { Engines } from "../machine/engines/engine";
import { isShown } from "../machine/shown-folders";
import type { Program } from "./boot-script";
import type { LabHost } from "./topology";

/** What every host has, whatever its role: its own name, those of others, and its own name server. */
export function hostBasics(name: string, hosts: readonly Pick<LabHost, "name" | "address">[]): HostRole {
  const addresses = hosts.map(({ name, address }) => `${address} ${name}\n`);
  return {
    files: [
      { path: "/etc/hostname", content: `${name}\n` },
      { path: "/etc/hosts", content: ["127.0.0.1 localhost\n", ...addresses].join("") },
      // Consul refuses names outside `.consul` at once, because no other name server is reachable from a lab.
      { path: "/etc/resolv.conf", content: "nameserver 127.0.0.1\n" },
    ],
  };
}

/** The Python that runs the supervisor, at its own path, where that is not among the folders of the machine that hosts see. */
export function pythonOf({ supervisor }: Engines): Record<string, Program> {
  const python = join(supervisor.path, "python3");
  if (!existsSync(python)) return {};
  const folder = dirname(dirname(realpathSync(python)));
  return isShown(folder) ? {} : { [folder]: { folder } };
}

/** A program of the machine, in its folder. */
export function programAt(path: string): Program {
  return { folder: dirname(path), program: basename(path) };
}
