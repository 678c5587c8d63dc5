import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LabFiles } from "../core/lab-files";
import { runInNetwork, startNamespaces } from "./namespaces";
import type { ProcessRecord } from "../machine/processes";
import type { NamespaceRecord } from "./state";
import { labNetwork } from "./topology";

/** The bridge that joins the hosts of a lab, in the lab's own network namespace. */
const bridge = "lab";

/**
 * Starts the lab's switch: a network namespace that holds a bridge and outlives the command. It has no connection to the
 * machine's network.
 */
export async function startNetwork(
  files: LabFiles,
  onProcess: (record: NamespaceRecord) => void,
): Promise<Required<NamespaceRecord>> {
  const folder = join(files.folder, "network");
  mkdirSync(folder, { recursive: true });
  const script = join(folder, "boot.sh");
  writeFileSync(script, networkScript());
  const record = await startNamespaces(files.name, script, join(folder, "boot.log"), (holder) => {
    onProcess({ holder });
  });
  onProcess(record);
  return record;
}

/** Joins a host to the switch: one end of a link there, the other in the host as `eth0`. */
export async function joinNetwork(network: ProcessRecord, host: ProcessRecord, name: string): Promise<void> {
  // The link of an earlier life of this host may still be there for an instant.
  await runInNetwork(network, "ip", ["link", "delete", "dev", name]).catch(() => undefined);
  const peer = ["peer", "name", "eth0", "netns", String(host.pid)];
  await runInNetwork(network, "ip", ["link", "add", "dev", name, "type", "veth", ...peer]);
  await runInNetwork(network, "ip", ["link", "set", "dev", name, "master", bridge, "up"]);
}

function networkScript(): string {
  return `#!/bin/sh
# The lab's switch: holds a bridge for as long as the lab lives.
set -eu
ip link set lo up
ip link add dev ${bridge} type bridge
ip address add ${labNetwork.gateway}/${labNetwork.prefixLength} dev ${bridge}
ip link set ${bridge} up
exec sleep infinity
`;
}
