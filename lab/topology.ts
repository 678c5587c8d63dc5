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
  readonly hosts: readonly LabHost[];
}

/** The network of every lab. It exists only between the namespaces of one lab, so that two labs can use equal addresses. */
export const labNetwork = { gateway: "10.200.0.1", prefixLength: 16 } as const;

/** One server host and two client hosts: the smallest lab in which a request crosses from host to host. */
export const defaultTopology: Topology = {
  datacenter: "dc1",
  hosts: [
    { name: "server-1", role: "server", address: "10.200.0.10" },
    { name: "client-1", role: "client", address: "10.200.1.1" },
    { name: "client-2", role: "client", address: "10.200.1.2" },
  ],
};

export function hostsOf(topology: Topology, role: LabRole): LabHost[] {
  return topology.hosts.filter((host) => host.role === role);
}
