import { dirname, join } from "node:path";
import { composeHost, type HostRole } from "../../constructs/linux/compose-host";
import type { NomadVaultOptions } from "../../constructs/linux/nomad-vault";
import { vaultFolder, vaultServer } from "../../constructs/linux/vault-server";
import type { LabFiles } from "../core/lab-files";
import type { Engine, Engines } from "../machine/engines/engine";
import type { BootableHost } from "./host";
import { hostBasics, programAt, pythonOf } from "./host-basics";
import { isSecondary, vaultHost, type Datacenter, type Topology } from "./topology";
import { readVaultCertificate } from "./vault-certificate";

/** Where the Vault of a lab is, for the hosts of the lab. */
export const vaultAddress = `https://${vaultHost.name}:8200`;

/** Where a host has what it needs to reach Vault: the CA, and on Consul's servers their credentials. */
export const vaultAccess = { folder: "/etc/vault", caFile: "/etc/vault/ca.pem" };

/** Where the plugins are that do not come with Vault. */
const plugins = "/usr/local/lib/vault-plugins";
/** Where the host finds the key that unseals Vault: a share of the lab's folder. */
const unsealFolder = "/var/lib/meshform/vault";

/** Whether plugins are programs next to Vault's own, as in the one that Meshform builds. */
export function hasSeparatePlugins({ origin }: Engine): boolean {
  return origin === "cache";
}

/** The host of the lab's Vault: the role that cloud machines get, and what unseals it. */
export function labVaultHost(
  vault: Engine,
  { datacenters }: Topology,
  engines: Engines,
  files: LabFiles,
): BootableHost {
  const tls = `${vaultFolder}/tls`;
  const own = readVaultCertificate(files);
  const [certFile, keyFile, caFile] = ["vault.pem", "vault-key.pem", "ca.pem"].map((name) => join(tls, name));
  const owner = "vault:vault";
  const certificate: HostRole = {
    directories: [{ path: tls, mode: "0750", owner }],
    files: own && [
      { path: certFile, mode: "0640", owner, content: own.certificate },
      { path: keyFile, mode: "0640", owner, content: own.key },
      { path: caFile, mode: "0640", owner, content: own.ca },
    ],
  };
  const data = composeHost(
    vaultHost.name,
    vaultServer({
      version: vault.version,
      advertiseAddress: vaultHost.address,
      nodeName: vaultHost.name,
      tls: { certFile, keyFile, caFile },
      // Meshform builds Vault without it.
      ui: !hasSeparatePlugins(vault),
      pluginDirectory: hasSeparatePlugins(vault) ? plugins : undefined,
    }),
    certificate,
    unsealer(caFile),
    hostBasics(
      vaultHost.name,
      datacenters.flatMap(({ hosts }) => hosts),
    ),
  );
  return {
    data,
    address: vaultHost.address,
    programs: {
      "/usr/local/bin/vault": programAt(vault.path),
      ...(hasSeparatePlugins(vault) && { [plugins]: { folder: dirname(vault.path) } }),
      ...pythonOf(engines),
    },
    shares: { [unsealFolder]: dirname(files.vaultUnsealKey) },
    supervisord: join(engines.supervisor.path, "supervisord"),
    heldUnits: [],
  };
}

/** Unseals Vault after each of its starts. It reads the key from a file: arguments are visible to all processes. */
function unsealer(caFile: string): HostRole {
  const unseal = `test -s ${unsealFolder}/key && vault write sys/unseal key=@${unsealFolder}/key > /dev/null`;
  return {
    units: [
      {
        name: "vault-unseal",
        description: "Unsealing of Vault",
        command: ["/bin/sh", "-c", unseal],
        environment: { VAULT_ADDR: "https://127.0.0.1:8200", VAULT_CACERT: caFile },
        after: ["vault"],
        everySeconds: 10,
        restartSeconds: 1,
      },
    ],
  };
}

/** What all other hosts have for Vault: its CA, to verify its certificate. */
export function vaultClient(files: LabFiles): HostRole {
  const own = readVaultCertificate(files);
  return {
    directories: [{ path: vaultAccess.folder }],
    files: own && [{ path: vaultAccess.caFile, content: own.ca }],
  };
}

/**
 * The paths in Vault that belong to a datacenter. Those of the first one have the names that the documentation uses. In a WAN federation,
 * the root belongs to the primary.
 */
export function vaultPaths(datacenter: Datacenter) {
  const suffix = datacenter.name === "dc1" ? "" : `-${datacenter.name}`;
  return {
    rootPkiPath: isSecondary(datacenter) ? undefined : `mesh-root${suffix}`,
    intermediatePkiPath: `mesh-intermediate${suffix}`,
    consulRole: `consul${suffix}`,
    nomadAuth: `jwt-nomad${suffix}`,
    taskPolicy: `nomad-workloads${suffix}`,
  };
}

/** The `vault` block of the Nomad agents of a datacenter. */
export function nomadVault(datacenter: Datacenter): NomadVaultOptions {
  return {
    address: vaultAddress,
    caFile: vaultAccess.caFile,
    jwtAuthBackendPath: vaultPaths(datacenter).nomadAuth,
  };
}
