import type { Profile } from "../../constructs/linux/profile";

/** What a lab host is for; each role is a Consul agent and a Nomad agent of that kind. */
export type LabRole = "server" | "client";

export interface LabHost {
  /** Host name and node name; also the name of its link on the switch, so at most 15 characters. */
  readonly name: string;
  readonly role: LabRole;
  /** IPv4 address within the lab's network. */
  readonly address: string;
}

/** The host of a lab's Vault. All datacenters of the lab use it. */
export const vaultHost = { name: "vault-1", role: "vault", address: "10.200.0.50" } as const;

/** A Consul cluster and a Nomad cluster on the same hosts. */
export interface Datacenter {
  /** Its name in both. */
  readonly name: string;
  /** What the agents of the hosts ask of each other and of their callers. */
  readonly profile: Profile;
  readonly hosts: readonly LabHost[];
  /** The primary datacenter of its WAN federation, which may be the datacenter itself. @default none */
  readonly primary?: Pick<Datacenter, "name" | "hosts">;
}

/** How datacenters are joined: by cluster peering, or by WAN federation through mesh gateways. */
export type Join = "peering" | "wan";

/** Which hosts a lab has. */
export interface Topology {
  readonly profile: Profile;
  readonly datacenters: readonly Datacenter[];
  /** How the datacenters are joined. @default "peering" */
  readonly join?: Join;
  /** Folders of the machine that clients see read-only at their own paths. @default none */
  readonly shown?: readonly string[];
  /** Whether the agents' data is on disks of their own. @default false */
  readonly disks?: boolean;
  /** Whether clients run containers. @default false */
  readonly docker?: boolean;
  /** Whether it has a Vault. @default false */
  readonly vault?: boolean;
  /** What runs the services, if somebody has said so. @default programs, or containers where the app has them anyway */
  readonly runtime?: "exec" | "docker";
}

/** The network of every lab. It exists only between the namespaces of one lab, so that two labs can use equal addresses. */
export const labNetwork = { gateway: "10.200.0.1", prefixLength: 16 } as const;

/** How many datacenters a lab can have. */
export const mostDatacenters = 4;

/**
 * The hosts of a lab. A plain datacenter has one server and two clients: the fewest with which a request crosses from host
 * to host. A secure one is as it should be: three servers, of which one may fail.
 */
export function topologyOf(profile: Profile, datacenters = 1, join: Join = "peering"): Topology {
  const all = Array.from({ length: datacenters }, (_, index) => datacenterOf(profile, index));
  const [{ name, hosts }] = all;
  return join === "peering"
    ? { profile, datacenters: all }
    : { profile, join, datacenters: all.map((it) => ({ ...it, primary: { name, hosts } })) };
}

export function hostsOf({ hosts }: Pick<Datacenter, "hosts">, role: LabRole): LabHost[] {
  return hosts.filter((host) => host.role === role);
}

/** Whether a datacenter is in a WAN federation, and another one is its primary. */
export function isSecondary({ name, primary }: Datacenter): boolean {
  return primary !== undefined && primary.name !== name;
}

export function allHosts({ datacenters, vault }: Topology): (LabHost | typeof vaultHost)[] {
  return [...datacenters.flatMap(({ hosts }) => hosts), ...(vault ? [vaultHost] : [])];
}

function datacenterOf(profile: Profile, index: number): Datacenter {
  const name = `dc${index + 1}`;
  const prefix = index === 0 ? "" : `${name}-`;
  const network = 10 * index;
  const hosts = (role: LabRole, count: number, address: (number: number) => string) =>
    Array.from({ length: count }, (_, nth) => ({ name: `${prefix}${role}-${nth + 1}`, role, address: address(nth) }));
  return {
    name,
    profile,
    hosts: [
      ...hosts("server", profile === "secure" ? 3 : 1, (nth) => `10.200.${network}.${10 + nth}`),
      ...hosts("client", 2, (nth) => `10.200.${network + 1}.${1 + nth}`),
    ],
  };
}
