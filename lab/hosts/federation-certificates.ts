import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LabFiles } from "../core/lab-files";
import type { Engine } from "../machine/engines/engine";
import { hostsOf, type Topology } from "./topology";

const days = "-days=3650";

/**
 * Creates what the servers of a plain WAN federation prove themselves with: one CA for all datacenters, and for each server a
 * certificate with the names `server.<datacenter>.consul` and `<node>.server.<datacenter>.consul`, which Consul requires. What is there
 * stays.
 *
 * @see https://developer.hashicorp.com/consul/docs/east-west/wan-federation/vms
 */
export async function ensureFederationCertificates(
  files: LabFiles,
  { datacenters }: Topology,
  consul: Engine,
): Promise<void> {
  const folder = files.federation;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const run = (...args: string[]) => promisify(execFile)(consul.path, ["tls", ...args], { cwd: folder });
  if (!existsSync(join(folder, AUTHORITY))) await run("ca", "create", days);
  for (const datacenter of datacenters) {
    for (const { name } of hostsOf(datacenter, "server")) {
      if (existsSync(join(folder, name))) continue;
      await run("cert", "create", "-server", `-dc=${datacenter.name}`, `-node=${name}`, days);
      const made = join(folder, `${datacenter.name}-server-consul-0`);
      const partial = join(folder, `.${name}`);
      rmSync(partial, { recursive: true, force: true });
      mkdirSync(partial, { mode: 0o700 });
      renameSync(`${made}.pem`, join(partial, "agent.pem"));
      renameSync(`${made}-key.pem`, join(partial, "agent-key.pem"));
      renameSync(partial, join(folder, name));
    }
  }
}

/** The files of a server; none before they are created. */
export function readFederationCertificate(
  files: LabFiles,
  server: string,
): { readonly name: string; readonly content: string }[] {
  const folder = join(files.federation, server);
  if (!existsSync(folder)) return [];
  return [
    { name: "ca.pem", content: readFileSync(join(files.federation, AUTHORITY), "utf8") },
    ...["agent.pem", "agent-key.pem"].map((name) => ({ name, content: readFileSync(join(folder, name), "utf8") })),
  ];
}

const AUTHORITY = "consul-agent-ca.pem";
