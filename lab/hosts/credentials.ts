import { existsSync, readFileSync } from "node:fs";
import type { LabFiles } from "../core/lab-files";
import type { ListenerTls } from "./state";

/** What the host tool keeps for who applies access rules, as far as it is read here. */
type ManagementSecret = Readonly<Record<"consul" | "nomad", EngineSecret>>;

interface EngineSecret {
  /** PEM. */
  readonly ca: string;
  readonly managementToken: string;
}

/** What the lab's own commands show to a secure datacenter. */
export interface Credentials {
  readonly consulToken: string;
  readonly nomadToken: string;
  /** PEM of the authorities that Nomad's certificates are signed by. No secret. */
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
 * Reads the management's share of a datacenter's secret store.
 *
 * @returns undefined in a plain lab, and while no server has booted
 */
export function readCredentials(files: LabFiles, datacenter: string): Credentials | undefined {
  const document = files.secret(datacenter, "management");
  if (!existsSync(document)) return undefined;
  const { consul, nomad } = JSON.parse(readFileSync(document, "utf8")) as ManagementSecret;
  return {
    consulToken: consul.managementToken,
    nomadToken: nomad.managementToken,
    nomadCa: nomad.ca,
    consulTls: { document, engine: "consul", serverName: "localhost" },
    nomadTls: { document, engine: "nomad", serverName: "localhost" },
  };
}
