import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LabFiles } from "../core/lab-files";
import type { Engine } from "../machine/engines/engine";
import { vaultHost } from "./topology";

/** The certificate of the lab's Vault, as PEM. */
export interface VaultCertificate {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

const days = "-days=3650";
/** The names with which `consul tls` calls what it makes for this domain. */
const domain = "vault";

/** Creates the CA of the lab's Vault, and a certificate for its host. What is there stays. */
export async function ensureVaultCertificate(files: LabFiles, consul: Engine): Promise<void> {
  const folder = files.vaultTls;
  if (existsSync(folder)) return;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true, mode: 0o700 });
  const run = (...args: string[]) =>
    promisify(execFile)(consul.path, ["tls", ...args, `-domain=${domain}`, days], { cwd: partial });
  await run("ca", "create", "-common-name=Vault CA of a lab");
  const names = [`-additional-dnsname=${vaultHost.name}`, `-additional-ipaddress=${vaultHost.address}`];
  await run("cert", "create", "-server", "-dc=lab", ...names);
  renameSync(partial, folder);
}

/** @returns undefined before it is created */
export function readVaultCertificate(files: LabFiles): VaultCertificate | undefined {
  if (!existsSync(files.vaultTls)) return undefined;
  const read = (name: string) => readFileSync(join(files.vaultTls, name), "utf8");
  return {
    ca: read(`${domain}-agent-ca.pem`),
    certificate: read(`lab-server-${domain}-0.pem`),
    key: read(`lab-server-${domain}-0-key.pem`),
  };
}
