/** Where a connection begins or ends: the cluster's servers or clients, or what is outside of it. */
export type FlowParty = "servers" | "clients" | "endpoints" | "S3" | "anywhere";

/** Connections that a cluster needs. */
export interface Flow {
  /** Names it. */
  readonly id: string;
  /** Who connects. */
  readonly from: readonly FlowParty[];
  /** To whom. */
  readonly to: readonly FlowParty[];
  /** By which protocols. */
  readonly protocols: readonly ("tcp" | "udp")[];
  /** The first and the last port. */
  readonly ports: readonly [number, number];
  /** What does not work without it, in the characters that AWS takes in the description of a rule. */
  readonly why: string;
  /** The upstream page that asks for it. */
  readonly see: string;
}

const CONSUL_PORTS = "https://developer.hashicorp.com/consul/docs/reference/architecture/ports";
const NOMAD_PORTS = "https://developer.hashicorp.com/nomad/docs/deploy/production/requirements#ports-used";

/**
 * All that may connect to what in a cluster. The rules of its security groups are made from this table and from nothing else, and the page
 * about AWS shows it.
 */
export const FLOWS: readonly Flow[] = [
  {
    id: "consul-rpc",
    from: ["servers", "clients"],
    to: ["servers"],
    protocols: ["tcp"],
    ports: [8300, 8300],
    why: "Consul servers agree with each other, and clients ask them",
    see: CONSUL_PORTS,
  },
  {
    id: "consul-gossip",
    from: ["servers", "clients"],
    to: ["servers", "clients"],
    protocols: ["tcp", "udp"],
    ports: [8301, 8301],
    why: "Consul agents find each other, and notice who is gone",
    see: CONSUL_PORTS,
  },
  {
    id: "nomad-keys",
    from: ["servers"],
    to: ["servers"],
    protocols: ["tcp"],
    ports: [4646, 4646],
    why: "Consul servers fetch the keys by which Nomad signs the identities of workloads",
    see: "https://developer.hashicorp.com/nomad/docs/secure/acl/consul",
  },
  {
    id: "nomad-rpc",
    from: ["servers", "clients"],
    to: ["servers"],
    protocols: ["tcp"],
    ports: [4647, 4647],
    why: "Nomad servers agree with each other, and clients get their work from them",
    see: NOMAD_PORTS,
  },
  {
    id: "nomad-gossip",
    from: ["servers"],
    to: ["servers"],
    protocols: ["tcp", "udp"],
    ports: [4648, 4648],
    why: "Nomad servers find each other, and notice who is gone",
    see: NOMAD_PORTS,
  },
  {
    id: "nomad-migration",
    from: ["clients"],
    to: ["clients"],
    protocols: ["tcp"],
    ports: [4646, 4646],
    why: "An ephemeral disk with migrate follows its allocation to another client",
    see: "https://developer.hashicorp.com/nomad/docs/job-specification/ephemeral_disk#migrate",
  },
  {
    id: "services",
    from: ["clients"],
    to: ["clients"],
    protocols: ["tcp"],
    ports: [20_000, 32_000],
    why: "Envoys of services and gateways reach each other, at the ports that Nomad gives them",
    see: "https://developer.hashicorp.com/nomad/docs/configuration/client#min_dynamic_port",
  },
  {
    id: "https",
    from: ["servers", "clients"],
    to: ["anywhere"],
    protocols: ["tcp"],
    ports: [443, 443],
    why: "APIs of AWS, packages of HashiCorp, releases on GitHub, images of containers",
    see: "https://www.hashicorp.com/official-packaging-guide",
  },
  {
    id: "http",
    from: ["servers", "clients"],
    to: ["anywhere"],
    protocols: ["tcp"],
    ports: [80, 80],
    why: "Packages of the distribution, which apt fetches by HTTP and verifies by their signatures",
    see: "https://wiki.debian.org/SecureApt",
  },
  {
    id: "endpoints",
    from: ["servers", "clients"],
    to: ["endpoints"],
    protocols: ["tcp"],
    ports: [443, 443],
    why: "APIs of AWS, where the network has interface endpoints",
    see: "https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html",
  },
  {
    id: "s3",
    from: ["servers", "clients"],
    to: ["S3"],
    protocols: ["tcp"],
    ports: [443, 443],
    why: "Assets and snapshots, by the gateway endpoint",
    see: "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-s3.html",
  },
];
