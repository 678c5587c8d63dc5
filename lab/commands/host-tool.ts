import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { HOST_TOOL } from "../../constructs/linux/host-tool/host-tool";
import { commandOnHost } from "./exec";
import type { Lab } from "../hosts/lab";

/** What `meshform-host status --warnings-only` says of a host. */
interface HostToolStatus {
  /** Of each engine for whose state the server waits, how far that is. */
  readonly recovery?: Readonly<Record<string, { readonly state: string; readonly reason: string }>>;
  /** What endangers the host: its clock, disks, memory. */
  readonly warnings?: readonly { readonly name: string; readonly reason: string }[];
}

/** How long the host tool may take, in milliseconds. It asks agents that may not answer. */
const PATIENCE_MS = 30_000;

/**
 * Asks the host tool of a host how it is.
 *
 * @returns `undefined` if the host does not run, or its tool says nothing
 */
export async function hostToolStatus(lab: string, host: string): Promise<HostToolStatus | undefined> {
  try {
    const { program, args, env } = commandOnHost(lab, host, [HOST_TOOL, "status", "--warnings-only"]);
    const { stdout } = await promisify(execFile)(program, args, { env, timeout: PATIENCE_MS });
    return JSON.parse(stdout) as HostToolStatus;
  } catch {
    return undefined;
  }
}

/** What endangers the hosts of a secure lab, one sentence each. Hosts with the same warning share a sentence. */
export async function warningsOfHosts(lab: Lab): Promise<string[]> {
  if (lab.topology?.profile !== "secure") return [];
  const all = lab.topology.datacenters.flatMap((datacenter) => datacenter.hosts);
  const found = await Promise.all(
    all.map(async ({ name }) => ({ name, told: (await hostToolStatus(lab.name, name))?.warnings })),
  );
  const hosts = new Map<string, string[]>();
  for (const { name, told = [] } of found) {
    for (const { reason } of told) hosts.set(reason, [...(hosts.get(reason) ?? []), name]);
  }
  return [...hosts].map(([reason, names]) => `${names.join(", ")}: ${reason}`);
}
