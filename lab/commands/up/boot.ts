import { statSync } from "node:fs";
import { isEngine } from "../../cluster/published";
import { readVaultCredentials } from "../../cluster/vault";
import { LabError } from "../../core/errors";
import type { Credentials } from "../../hosts/credentials";
import { callersNow } from "../../hosts/forwarder/callers";
import type { WantedListener } from "../../hosts/forwarder/forwarder";
import { ensureFederationCertificates } from "../../hosts/federation-certificates";
import type { ListenerTls } from "../../hosts/state";
import { allHosts, hostsOf, vaultHost, type Datacenter } from "../../hosts/topology";
import { ensureVaultCertificate, readVaultCertificate } from "../../hosts/vault-certificate";
import type { Run, Results, Task } from "./run";
import { writeVaultCredentials } from "./vault";

/** Boots the hosts that do not run, and publishes the APIs of the engines. */
export async function boot(run: Run, results: Results, task: Task): Promise<void> {
  // An app may make its folder when it is synthesized.
  for (const folder of run.topology.shown ?? []) requireFolder(folder);
  const network = await run.lab.ensureNetwork(run.topology);
  await run.lab.removeHostsExcept(allHosts(run.topology).map(({ name }) => name));
  run.options.signal?.throwIfAborted();
  if (run.topology.join === "wan" && !run.isSecure) {
    await ensureFederationCertificates(run.lab.files, run.topology, run.engines.consul);
  }
  if (run.topology.vault) {
    await ensureVaultCertificate(run.lab.files, run.engines.consul);
    writeVaultCredentials(run.lab.files, {
      ...readVaultCredentials(run.lab.files),
      vault: { ca: readVaultCertificate(run.lab.files)?.ca ?? "" },
    });
  }
  const boots = run.bootable().map(async (host) => {
    const outcome = await run.lab.ensureHost(host);
    if (outcome !== "unchanged") {
      run.booted.add(host.data.name);
      task.output = `${host.data.name} ${outcome}`;
    }
    return outcome;
  });
  // One that fails does not leave the others running on unattended.
  await Promise.allSettled(boots);
  const outcomes = await Promise.all(boots);
  results.booted = [network, ...outcomes].some((outcome) => outcome !== "unchanged");
  if (!results.booted) task.title = "Boot the hosts: all are running";
  // What is published already stays so: browsers may have the page open.
  const published = run.lab.listeners.filter((it) => !isEngine(it));
  const callers = callersNow(run.lab.listeners.flatMap((it) => it.callers ?? []));
  const engines = run.topology.datacenters.flatMap((datacenter, index) =>
    enginesOf(datacenter, index, run.lab.credentialsOf(datacenter.name), callers),
  );
  const vault = run.topology.vault ? [vaultListener(run, callers)] : [];
  results.sites = await run.reach([...engines, ...vault, ...published]);
}

/** Vault's usual port on the machine. The forwarder verifies its certificate. */
function vaultListener({ lab, topology }: Run, callers: readonly number[]): WantedListener {
  return {
    ...{ name: "vault", datacenter: topology.datacenters[0].name, wanted: 8200, targets: [vaultHost.address], callers },
    tls: { document: lab.files.vaultCredentials, engine: "vault", serverName: vaultHost.name },
  };
}

/**
 * The engines' usual ports on the machine, and for each further datacenter ports ten higher. Where the lab wants TLS, the
 * forwarder speaks it with an operator's certificate.
 */
function enginesOf(
  datacenter: Datacenter,
  index: number,
  credentials: Credentials | undefined,
  callers: readonly number[],
): WantedListener[] {
  const targets = hostsOf(datacenter, "server").map(({ address }) => address);
  const listener = (name: string, port: number, targetPort: number, tls: ListenerTls | undefined) => {
    const wanted = port + 10 * index;
    return {
      ...{ name, datacenter: datacenter.name, wanted, targets, callers },
      ...(targetPort !== wanted && { targetPort }),
      ...(tls && { tls }),
    };
  };
  return [
    listener("consul", 8500, credentials ? 8501 : 8500, credentials?.consulTls),
    listener("nomad", 4646, 4646, credentials?.nomadTls),
  ];
}

function requireFolder(path: string): void {
  const fix = "Use a directory with files for the tasks.";
  if (/^\/((dev|proc|run|sys)(\/|$)|$)/.test(path)) throw new LabError(`Hosts have their own ${path}.`, fix);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new LabError(`The directory ${path} does not exist.`, fix);
  }
}
