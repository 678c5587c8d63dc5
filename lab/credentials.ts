import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LabFiles } from "./lab-files";
import type { ListenerTls } from "./state";

/** What the host tool keeps for who applies access rules, as far as it is read here. */
type ManagementSecret = Readonly<Record<"consul" | "nomad", EngineSecret>>;

interface EngineSecret {
  /** PEM, as are the next two. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  readonly managementToken: string;
}

/** What the lab's own commands show to a secure datacenter. */
export interface Credentials {
  readonly consulToken: string;
  readonly nomadToken: string;
  /** PEM of the authority that signs Nomad's certificates. No secret. */
  readonly nomadCa: string;
  readonly consulTls: ListenerTls;
  readonly nomadTls: ListenerTls;
}

/** The token of Consul with which commands on a client host look around: a host is shown nothing that is worth more than it. */
export function readOperatorToken(files: LabFiles, datacenter: string): string | undefined {
  const file = files.secret(datacenter, "operator");
  if (!existsSync(file)) return undefined;
  return (JSON.parse(readFileSync(file, "utf8")) as { tokens: { operator: string } }).tokens.operator;
}

/**
 * Reads the management's share of a datacenter's secret store, and puts its certificates into files for those who read files.
 *
 * @returns undefined in a plain lab, and while no server has booted
 */
export function readCredentials(files: LabFiles, datacenter: string): Credentials | undefined {
  const store = files.secret(datacenter, "management");
  const folder = files.credentials(datacenter);
  if (!existsSync(store)) return undefined;
  const { consul, nomad } = JSON.parse(readFileSync(store, "utf8")) as ManagementSecret;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const written = (name: string, content: string) => {
    const file = join(folder, name);
    if (!existsSync(file) || readFileSync(file, "utf8") !== content) writeFileSync(file, content, { mode: 0o600 });
    return file;
  };
  const tls = (engine: "consul" | "nomad", serverName: string): ListenerTls => {
    const { ca, certificate, key } = { consul, nomad }[engine];
    return {
      caFile: written(`${engine}-ca.pem`, ca),
      certFile: written(`${engine}.pem`, certificate),
      keyFile: written(`${engine}-key.pem`, key),
      serverName,
    };
  };
  return {
    consulToken: consul.managementToken,
    nomadToken: nomad.managementToken,
    nomadCa: nomad.ca,
    consulTls: tls("consul", "localhost"),
    nomadTls: tls("nomad", "localhost"),
  };
}
