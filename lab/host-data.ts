import { execPath } from "node:process";
import { basename, dirname, join } from "node:path";
import { composeHost, type HostRole } from "../constructs/linux/compose-host";
import { consulClient } from "../constructs/linux/consul-client";
import { consulServer } from "../constructs/linux/consul-server";
import type { HostPackage } from "../constructs/linux/host";
import { nomadClient } from "../constructs/linux/nomad-client";
import { nomadServer } from "../constructs/linux/nomad-server";
import type { Program } from "./boot-script";
import type { Engines } from "./engines/engine";
import { execChroot } from "./exec-chroot";
import type { BootableHost } from "./host";
import { hostsOf, type LabHost, type Topology } from "./topology";

/** A lab machine is in no cloud; each of these fingerprinters would wait for a metadata service in vain. */
const cloudFingerprinters = ["env_aws", "env_gce", "env_azure", "env_digitalocean"];

/**
 * The hosts of a topology, from the very roles that cloud machines get, with options that suit one machine: fixed
 * addresses, short intervals, commands allowed as tasks.
 */
export function labHosts(topology: Topology, engines: Engines): BootableHost[] {
  return topology.hosts.map((host) => {
    const data = composeHost(host.name, ...rolesOf(host, topology, engines), systemFiles(host, topology));
    const programs = Object.fromEntries(data.packages.map((it) => shown(it, engines)));
    return {
      data,
      address: host.address,
      // Tasks of the lab run with the Node that runs Meshform.
      programs: { ...programs, "/usr/local/bin/node": programAt(execPath) },
      supervisord: join(engines.supervisor.path, "supervisord"),
      // A client that registers before the servers have made their keyring asks again only after 15 to 30 seconds.
      heldUnits: host.role === "client" ? ["nomad"] : [],
    };
  });
}

function rolesOf(host: LabHost, topology: Topology, engines: Engines): HostRole[] {
  const { datacenter } = topology;
  const servers = hostsOf(topology, "server");
  const join = { datacenter, retryJoin: servers.map((server) => server.address), retryInterval: "1s" };
  const consul = { ...join, version: engines.consul.version, bindAddress: host.address };
  const nomad = { ...join, version: engines.nomad.version, advertiseAddress: host.address };
  if (host.role === "server") {
    const bootstrapExpect = servers.length;
    return [
      consulServer({ ...consul, bootstrapExpect, clientAddresses: [host.address] }),
      // With a task or two per job, filling one host first would leave the others empty.
      nomadServer({ ...nomad, bootstrapExpect, schedulerAlgorithm: "spread", memoryOversubscription: true }),
    ];
  }
  return [
    consulClient(consul),
    nomadClient({
      ...nomad,
      cniVersion: engines.cni.version,
      networkInterface: "eth0",
      fingerprintDenylist: cloudFingerprinters,
      rawExec: true,
      chrootEnv: execChroot(),
    }),
    { packages: [{ name: "envoy", version: engines.envoy.version, installTo: "/usr/local/bin" }] },
  ];
}

function systemFiles(host: LabHost, topology: Topology): HostRole {
  const addresses = topology.hosts.map(({ name, address }) => `${address} ${name}\n`);
  return {
    files: [
      { path: "/etc/hostname", content: `${host.name}\n` },
      { path: "/etc/hosts", content: ["127.0.0.1 localhost\n", ...addresses].join("") },
      // No resolver is reachable from a lab: refused at once is better than timed out.
      { path: "/etc/resolv.conf", content: "nameserver 127.0.0.1\n" },
    ],
  };
}

/** The CNI plugins are a folder, the others a program in one. */
function shown({ name, installTo }: HostPackage, engines: Engines): [string, Program] {
  if (name === "cni-plugins") return [installTo, { folder: engines.cni.path }];
  return [join(installTo, name), programAt(engines[name].path)];
}

function programAt(path: string): Program {
  return { folder: dirname(path), program: basename(path) };
}
