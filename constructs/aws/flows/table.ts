/**
 * Where a connection begins or ends: the cluster's servers, its clients or those of them that run mesh gateways, or what is outside of it.
 * `peer gateways` are the mesh gateways of a connected cluster, `Prometheus` is one outside of the cluster.
 */
export type FlowParty =
  "servers" | "clients" | "gateways" | "peer gateways" | "Prometheus" | "endpoints" | "S3" | "anywhere";

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
    why: "Raft between Consul servers, and requests from clients",
    see: CONSUL_PORTS,
  },
  {
    id: "consul-gossip",
    from: ["servers", "clients"],
    to: ["servers", "clients"],
    protocols: ["tcp", "udp"],
    ports: [8301, 8301],
    why: "Gossip between Consul agents: membership and failure detection",
    see: CONSUL_PORTS,
  },
  {
    id: "nomad-rpc",
    from: ["servers", "clients"],
    to: ["servers"],
    protocols: ["tcp"],
    ports: [4647, 4647],
    why: "Raft between Nomad servers, and RPC from clients",
    see: NOMAD_PORTS,
  },
  {
    id: "nomad-gossip",
    from: ["servers"],
    to: ["servers"],
    protocols: ["tcp", "udp"],
    ports: [4648, 4648],
    why: "Gossip between Nomad servers: membership and failure detection",
    see: NOMAD_PORTS,
  },
  {
    id: "nomad-migration",
    from: ["clients"],
    to: ["clients"],
    protocols: ["tcp"],
    ports: [4646, 4646],
    why: "Migration of ephemeral disks to another client",
    see: "https://developer.hashicorp.com/nomad/docs/job-specification/ephemeral_disk#migrate",
  },
  {
    id: "services",
    from: ["clients"],
    to: ["clients"],
    protocols: ["tcp"],
    ports: [20_000, 32_000],
    why: "Connections between the Envoys of services and gateways, on the dynamic ports of Nomad",
    see: "https://developer.hashicorp.com/nomad/docs/configuration/client#min_dynamic_port",
  },
  {
    id: "https",
    from: ["servers", "clients"],
    to: ["anywhere"],
    protocols: ["tcp"],
    ports: [443, 443],
    why: "AWS APIs, HashiCorp packages, releases on GitHub, container images",
    see: "https://www.hashicorp.com/official-packaging-guide",
  },
  {
    id: "http",
    from: ["servers", "clients"],
    to: ["anywhere"],
    protocols: ["tcp"],
    ports: [80, 80],
    why: "Packages of the distribution, which apt fetches over HTTP and verifies by signature",
    see: "https://wiki.debian.org/SecureApt",
  },
  {
    id: "endpoints",
    from: ["servers", "clients"],
    to: ["endpoints"],
    protocols: ["tcp"],
    ports: [443, 443],
    why: "AWS APIs, if the network has interface endpoints",
    see: "https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html",
  },
  {
    id: "s3",
    from: ["servers", "clients"],
    to: ["S3"],
    protocols: ["tcp"],
    ports: [443, 443],
    why: "Assets and snapshots, through the gateway endpoint",
    see: "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-s3.html",
  },
];

const MESH_GATEWAYS = "https://developer.hashicorp.com/consul/docs/east-west/mesh-gateway";
const PEERING = "https://developer.hashicorp.com/consul/docs/east-west/cluster-peering/establish/vm";

/** The port of the mesh gateways of clusters on AWS: the default of `addMeshGateway`. */
const MESH_GATEWAY_PORT = [8443, 8443] as const;

/**
 * What may connect to what in addition where clusters are connected by mesh gateways. The machines of the gateways are clients too: they reach
 * their servers and services by the flows of {@link FLOWS}.
 */
export const GATEWAY_FLOWS: readonly Flow[] = [
  {
    id: "gateway-local",
    from: ["servers", "clients"],
    to: ["gateways"],
    protocols: ["tcp"],
    ports: MESH_GATEWAY_PORT,
    why: "Connections of services and of Consul servers to other datacenters, through the local mesh gateway",
    see: MESH_GATEWAYS,
  },
  {
    id: "gateway-servers",
    from: ["gateways"],
    to: ["servers"],
    protocols: ["tcp"],
    ports: [8503, 8503],
    why: "Consul servers of a cluster peer, which reach the local ones through the mesh gateway",
    see: PEERING,
  },
  {
    id: "gateway-remote",
    from: ["gateways"],
    to: ["peer gateways"],
    protocols: ["tcp"],
    ports: MESH_GATEWAY_PORT,
    why: "Connections to the mesh gateways of another datacenter, and of those to the local ones",
    see: MESH_GATEWAYS,
  },
];

/**
 * What a Prometheus scrapes, if {@link AwsCluster.allowPrometheus} allows it: from the clients, where that of `addPrometheus` runs, or from a
 * security group. Clients reach the agents and Envoys of clients by {@link FLOWS}.
 */
export const PROMETHEUS_FLOWS: readonly Flow[] = [
  {
    id: "prometheus-consul",
    from: ["clients", "Prometheus"],
    to: ["servers"],
    protocols: ["tcp"],
    ports: [8501, 8501],
    why: "Prometheus, which scrapes the metrics of Consul servers",
    see: "https://developer.hashicorp.com/consul/api-docs/agent#view-metrics",
  },
  {
    id: "prometheus-nomad",
    from: ["clients", "Prometheus"],
    to: ["servers"],
    protocols: ["tcp"],
    ports: [4646, 4646],
    why: "Prometheus, which scrapes the metrics of Nomad servers",
    see: "https://developer.hashicorp.com/nomad/api-docs/metrics",
  },
  {
    id: "prometheus-clients",
    from: ["Prometheus"],
    to: ["clients"],
    protocols: ["tcp"],
    ports: [4646, 4646],
    why: "Prometheus, which scrapes the metrics of Nomad clients",
    see: "https://developer.hashicorp.com/nomad/api-docs/metrics",
  },
  {
    id: "prometheus-envoy",
    from: ["Prometheus"],
    to: ["clients"],
    protocols: ["tcp"],
    ports: [20_000, 32_000],
    why: "Prometheus, which scrapes the metrics of the Envoys of services and gateways",
    see: "https://developer.hashicorp.com/consul/docs/reference/proxy/envoy#envoy_prometheus_bind_addr",
  },
];
