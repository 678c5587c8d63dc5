import type { Construct } from "constructs";
import { consulClient, type ConsulClientOptions } from "./consul-client";
import type { HostRole } from "./compose-host";
import * as is from "../core/shape";
import { HOST_GROUP_SHAPE, HostGroup, type HostGroupProps } from "./host-group";
import { nomadClient, type NomadClientOptions } from "./nomad-client";
import type { NomadServers } from "./nomad-servers";

/** Props of {@link NomadClients}. */
export interface NomadClientsProps
  extends
    HostGroupProps,
    Pick<NomadClientOptions, "networkInterface" | "nodePool" | "nodeClass" | "meta" | "rawExec" | "logLevel"> {
  /** The servers that place jobs on the hosts. */
  readonly nomad: NomadServers;
  /** Whether the hosts run containers with Docker. If not, Envoy is installed on the host. @default true */
  readonly docker?: boolean;
  /**
   * Whether the hosts support transparent proxy, which redirects all traffic of a service through its Envoy: they get the plugin consul-cni,
   * and `taskDns` is true by default.
   * @default false
   * @see https://developer.hashicorp.com/nomad/docs/job-specification/transparent_proxy
   */
  readonly consulCni?: boolean;
  /**
   * Whether tasks can use the Consul agent of their host as a name server, with `Dns.consul()`: it answers on the ports 8600 and 53 of the
   * host's address. Jobs then cannot use port 53 of this address. Names outside `.consul` resolve through the host's own name servers.
   * @default the value of `consulCni`
   */
  readonly taskDns?: boolean;
  /**
   * Seconds that the jobs of a host get to move to other hosts before it shuts down or reboots. Nomad stops the remaining ones
   * after this time.
   * @default 300
   * @see https://developer.hashicorp.com/nomad/docs/job-specification/migrate
   */
  readonly drainSeconds?: number;
  /** Any other settings of the Nomad agents. They must not contain secrets. @default none */
  readonly override?: NomadClientOptions["override"];
  /** Any other settings of the Consul agents. They must not contain secrets. @default none */
  readonly consulOverride?: ConsulClientOptions["override"];
}

const NOMAD_CLIENTS_SHAPE: is.Shape<NomadClientsProps> = {
  ...HOST_GROUP_SHAPE,
  networkInterface: is.text,
  nodePool: is.name,
  nodeClass: is.name,
  meta: is.map(is.text),
  rawExec: is.flag,
  logLevel: is.oneOf(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]),
  nomad: is.required(is.like("NomadServers", "consul")),
  docker: is.flag,
  consulCni: is.flag,
  taskDns: is.flag,
  drainSeconds: is.number,
  override: is.fields,
  consulOverride: is.fields,
};

/**
 * Hosts that run jobs: a Nomad client, a Consul client, the CNI plugins, and kernel settings that pass the traffic of bridges to
 * iptables.
 *
 * @example
 * const clients = new NomadClients(stack, "clients", { nomad, nodePool: "default" });
 */
export class NomadClients extends HostGroup {
  /** The node pool of the hosts. @see https://developer.hashicorp.com/nomad/docs/concepts/node-pools */
  readonly nodePool: string;

  constructor(scope: Construct, id: string, props: NomadClientsProps) {
    is.refuseWrongValues(scope, props, NOMAD_CLIENTS_SHAPE, "clients", id);
    const { nomad, docker = true, consulCni = false } = props;
    const { cluster } = nomad.consul;
    super(scope, id, cluster, props);
    this.nodePool = props.nodePool ?? "default";
    const { versions, nomadRegion } = cluster;
    this.addPart({
      agent: "consul-client",
      role: consulClient({
        ...nomad.consul.clientOptions,
        taskDns: props.taskDns ?? consulCni,
        override: props.consulOverride,
      }),
      override: props.consulOverride,
    });
    this.addPart({
      agent: "nomad-client",
      drainSeconds: props.drainSeconds,
      role: nomadClient({
        vault: nomad.vault,
        version: versions.nomad,
        cniVersion: versions.cni,
        datacenter: nomad.datacenter,
        region: nomadRegion,
        retryJoin: nomad.join,
        networkInterface: props.networkInterface,
        nodePool: props.nodePool,
        nodeClass: props.nodeClass,
        meta: props.meta,
        envoyImage: docker ? `docker.io/envoyproxy/envoy:v${versions.envoy}` : undefined,
        rawExec: props.rawExec,
        consulCniVersion: consulCni ? versions.consulCni : undefined,
        logLevel: props.logLevel,
        override: props.override,
      }),
      override: props.override,
    });
    this.addPart({ role: docker ? { systemPackages: ["docker.io"] } : envoy(versions.envoy) });
  }
}

/** Envoy as a program, instead of the container that Nomad starts by default. */
function envoy(version: string): HostRole {
  return { packages: [{ name: "envoy", version, installTo: "/usr/local/bin" }] };
}
