import { execPath } from "node:process";
import { join } from "node:path";
import { composeHost, type HostRole } from "../../constructs/linux/compose-host";
import { consulFolder } from "../../constructs/linux/consul-agent";
import { consulClient } from "../../constructs/linux/consul-client";
import { redirectDns } from "../../constructs/linux/consul-dns";
import { consulServer } from "../../constructs/linux/consul-server";
import type { HostPackage } from "../../constructs/linux/host";
import { nomadClient } from "../../constructs/linux/nomad-client";
import { nomadServer } from "../../constructs/linux/nomad-server";
import type { FederationOptions } from "../../constructs/linux/federation";
import type { NomadVaultOptions } from "../../constructs/linux/nomad-vault";
import { secureHost } from "../../constructs/linux/secure-host";
import type { Program } from "./boot-script";
import { dockerData, dockerRole } from "./docker/docker-role";
import { envoyImage, pauseImage } from "./docker/lab-images";
import { CONSUL_CNI_VERSION } from "../machine/engines/catalogue";
import type { Engines } from "../machine/engines/engine";
import { execChroot } from "./exec-chroot";
import { readFederationCertificate } from "./federation-certificates";
import type { BootableHost } from "./host";
import { hostBasics, programAt, pythonOf } from "./host-basics";
import type { LabFiles } from "../core/lab-files";
import { hostsOf, isSecondary, vaultHost, type Datacenter, type LabHost } from "./topology";
import { nomadVault, vaultClient } from "./vault-host";

/** Where hosts find the lab's secret store, or their part of it, and where servers keep snapshots: shares of the lab's folder. */
const secretStore = { type: "directory", path: "/var/lib/meshform/secret-store" } as const;
/** Where servers outside the primary of a federation find the part of its secret store that all datacenters share. */
const primarySecretStore = { type: "directory", path: "/var/lib/meshform/primary-secret-store" } as const;
const snapshotFolder = "/var/lib/meshform/snapshots";

/** Small enough to be filled at once. Nomad's is the larger one, since volumes of one host have different sizes. */
const agentDisks = [
  { name: "consul", mountPoint: "/opt/consul", sizeGib: 1 },
  { name: "nomad", mountPoint: "/opt/nomad", sizeGib: 2 },
];

/** A lab machine is in no cloud; each of these fingerprinters would wait for a metadata service that is not there. */
const cloudFingerprinters = ["env_aws", "env_gce", "env_azure", "env_digitalocean"];

export interface LabHostOptions {
  /** Folders of the machine that clients see read-only at their own paths. @default none */
  readonly shown?: readonly string[];
  /** Whether the agents' data is on disks of their own. @default it is in the host's folder */
  readonly disks?: boolean;
  /** The Docker daemon that clients run. @default they run no containers */
  readonly dockerd?: string;
  /** Whether the lab has a Vault. @default false */
  readonly vault?: boolean;
}

/**
 * The hosts of a datacenter, from the very roles that cloud machines get, with options that suit one machine: fixed
 * addresses, short intervals, commands allowed as tasks.
 *
 */
export function labHosts(
  datacenter: Datacenter,
  engines: Engines,
  files: LabFiles,
  { shown = [], disks = false, dockerd, vault = false }: LabHostOptions = {},
): BootableHost[] {
  const isSecure = datacenter.profile === "secure";
  return datacenter.hosts.map((host) => {
    const data = composeHost(
      host.name,
      ...rolesOf(host, datacenter, engines, { dockerd, vault: vault ? nomadVault(datacenter) : undefined }),
      federationCertificates(host, datacenter, files),
      hostBasics(host.name, [...datacenter.hosts, ...(vault ? [vaultHost] : [])]),
      { steps: redirectDns("OUTPUT --destination 127.0.0.1"), volumes: disks ? agentDisks : [] },
      vault ? vaultClient(files) : {},
    );
    const installed = Object.fromEntries(data.packages.flatMap((it) => installedBy(it, engines)));
    const folders = host.role === "client" ? shown.map((folder) => [folder, { folder }] as const) : [];
    const programs = { ...Object.fromEntries(folders), ...installed };
    return {
      data,
      address: host.address,
      // Tasks of the lab run with the Node that runs Meshform.
      programs: { ...programs, ...pythonOf(engines), "/usr/local/bin/node": programAt(execPath) },
      shares: {
        ...(isSecure && sharesOf(host, datacenter, files)),
        // Of a layer Docker could make no layers.
        ...(dockerd !== undefined && host.role === "client" && { [dockerData]: files.docker(host.name) }),
      },
      supervisord: join(engines.supervisor.path, "supervisord"),
      heldUnits: heldUnitsOf(host, datacenter),
    };
  });
}

/**
 * A client that registers before the servers have made their keyring asks again only after 15 to 30 seconds; and an agent whose token
 * may do nothing yet remembers that for as long. Servers outside the primary need its mesh gateways.
 */
function heldUnitsOf({ role }: LabHost, datacenter: Datacenter): string[] {
  if (role === "client") return datacenter.profile === "secure" ? ["consul", "nomad"] : ["nomad"];
  return isSecondary(datacenter) ? ["consul", "nomad"] : [];
}

interface AgentOptions {
  readonly dockerd?: string;
  readonly vault?: NomadVaultOptions;
}

function rolesOf(host: LabHost, datacenter: Datacenter, engines: Engines, options: AgentOptions): HostRole[] {
  const roles = agentsOf(host, datacenter, engines, options);
  if (datacenter.profile === "plain") return roles;
  const { role, address } = host;
  return [
    ...roles,
    secureHost({
      roles: [`consul-${role}`, `nomad-${role}`],
      store: secretStore,
      consulDatacenter: datacenter.name,
      federation: role === "server" ? federationOf(datacenter) : undefined,
      nomadRegion: "global",
      address,
      snapshots: { store: { type: "directory", path: snapshotFolder }, retain: 10 },
    }),
  ];
}

function federationOf(datacenter: Datacenter): FederationOptions | undefined {
  const { primary } = datacenter;
  return primary && { primaryDatacenter: primary.name, ...(isSecondary(datacenter) && { primarySecretStore }) };
}

/** The port of mesh gateways unless the app says otherwise. */
const MESH_GATEWAY_PORT = 8443;

/** Any client of the primary datacenter may run its mesh gateway. */
function primaryGatewaysOf(datacenter: Datacenter): string[] | undefined {
  if (datacenter.primary === undefined || !isSecondary(datacenter)) return undefined;
  return hostsOf(datacenter.primary, "client").map(({ address }) => `${address}:${MESH_GATEWAY_PORT}`);
}

/** The certificates of the servers of a plain federation; those of a secure one come from its secret store. */
function federationCertificates(host: LabHost, { profile, primary }: Datacenter, files: LabFiles): HostRole {
  if (primary === undefined || profile === "secure" || host.role === "client") return {};
  const folder = `${consulFolder}/tls`;
  return {
    directories: [{ path: folder, mode: "0750", owner: "consul:consul" }],
    files: readFederationCertificate(files, host.name).map(({ name, content }) => ({
      ...{ path: `${folder}/${name}`, mode: "0640", owner: "consul:consul", content },
    })),
  };
}

function sharesOf({ role }: LabHost, datacenter: Datacenter, files: LabFiles): Record<string, string> {
  const store = files.secrets(datacenter.name);
  if (role === "client") return { [`${secretStore.path}/client`]: join(store, "client") };
  const { name, primary } = datacenter;
  return {
    ...{ [secretStore.path]: store, [snapshotFolder]: files.snapshots(name) },
    ...(primary &&
      isSecondary(datacenter) && {
        [`${primarySecretStore.path}/federation`]: join(files.secrets(primary.name), "federation"),
      }),
  };
}

function agentsOf(
  host: LabHost,
  datacenter: Datacenter,
  engines: Engines,
  { dockerd, vault }: AgentOptions,
): HostRole[] {
  const { profile } = datacenter;
  const servers = hostsOf(datacenter, "server");
  const join = {
    datacenter: datacenter.name,
    nodeName: host.name,
    primaryDatacenter: datacenter.primary?.name,
    profile,
    retryJoin: servers.map((server) => server.address),
    retryInterval: "1s",
  };
  const consul = { ...join, version: engines.consul.version, bindAddress: host.address };
  const nomad = { ...join, version: engines.nomad.version, advertiseAddress: host.address, vault };
  if (host.role === "server") {
    const bootstrapExpect = servers.length;
    return [
      // Without TLS the lab's commands and the UI come in by plain HTTP.
      consulServer({
        ...{ ...consul, bootstrapExpect, clientAddresses: profile === "plain" ? [host.address] : [] },
        primaryGateways: primaryGatewaysOf(datacenter),
        // Consul's default keys are tried in every other lab.
        caPrivateKey: datacenter.primary && { type: "rsa", bits: 2048 },
      }),
      // With a task or two per job, filling one host first would leave the others empty.
      nomadServer({ ...nomad, bootstrapExpect, schedulerAlgorithm: "spread", memoryOversubscription: true }),
    ];
  }
  return [
    consulClient({ ...consul, checkUpdateInterval: "1s", taskDns: true }),
    nomadClient({
      ...nomad,
      cniVersion: engines.cni.version,
      consulCniVersion: CONSUL_CNI_VERSION,
      networkInterface: "eth0",
      fingerprintDenylist: cloudFingerprinters,
      rawExec: true,
      chrootEnv: execChroot(),
      ...(dockerd !== undefined && { envoyImage: envoyImage(engines.envoy), override: dockerPlugin }),
    }),
    ...(dockerd === undefined ? [] : [dockerRole(dockerd)]),
    { packages: [{ name: "envoy", version: engines.envoy.version, installTo: "/usr/local/bin" }] },
  ];
}

/** Images are there before their tasks, and no registry is: none is fetched, and none removed. */
const dockerPlugin = { plugin: { docker: { config: { infra_image: pauseImage, gc: { image: false } } } } };

/** The CNI plugins are a folder, which holds consul-cni too; the others are a program in one. */
function installedBy({ name, installTo }: HostPackage, engines: Engines): [string, Program][] {
  if (name === "consul-cni") return [];
  if (name === "cni-plugins") return [[installTo, { folder: engines.cni.path }]];
  const engine = engines[name];
  return engine === undefined ? [] : [[join(installTo, name), programAt(engine.path)]];
}
