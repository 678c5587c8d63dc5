import type { Profile } from "../constructs/linux/profile";

/** What a lab host is for; each role is a Consul agent and a Nomad agent of that kind. */
export type LabRole = "server" | "client";

export interface LabHost {
  /** Host name and node name; also the name of its link on the switch, so at most 15 characters. */
  readonly name: string;
  readonly role: LabRole;
  /** IPv4 address within the lab's network. */
  readonly address: string;
}

/** Which hosts a lab has. */
export interface Topology {
  readonly datacenter: string;
  /** What the agents of the hosts ask of each other and of their callers. */
  readonly profile: Profile;
  readonly hosts: readonly LabHost[];
}

/** The network of every lab. It exists only between the namespaces of one lab, so that two labs can use equal addresses. */
export const labNetwork = { gateway: "10.200.0.1", prefixLength: 16 } as const;

/** One server host and two client hosts: the smallest lab in which a request crosses from host to host. */
export const plainTopology: Topology = {
  datacenter: "dc1",
  profile: "plain",
  hosts: [
    { name: "server-1", role: "server", address: "10.200.0.10" },
    { name: "client-1", role: "client", address: "10.200.1.1" },
    { name: "client-2", role: "client", address: "10.200.1.2" },
  ],
};

/** A cluster as it should be: three servers, of which one may fail, and all of them secure. */
export const secureTopology: Topology = {
  datacenter: "dc1",
  profile: "secure",
  hosts: [
    { name: "server-1", role: "server", address: "10.200.0.10" },
    { name: "server-2", role: "server", address: "10.200.0.11" },
    { name: "server-3", role: "server", address: "10.200.0.12" },
    { name: "client-1", role: "client", address: "10.200.1.1" },
    { name: "client-2", role: "client", address: "10.200.1.2" },
  ],
};

export function hostsOf(topology: Pick<Topology, "hosts">, role: LabRole): LabHost[] {
  return topology.hosts.filter((host) => host.role === role);
}

export function topologyOf(profile: Profile): Topology {
  return profile === "secure" ? secureTopology : plainTopology;
}
