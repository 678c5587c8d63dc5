import { Construct } from "constructs";
import { consulClient } from "./consul-client";
import type { ConsulServers } from "./consul-servers";
import { MeshError } from "../core/errors";
import type { HostData } from "./host";
import * as is from "../core/shape";
import { HOST_GROUP_SHAPE, HostGroup, type HostGroupProps } from "./host-group";
import { nomadServer, type NomadServerOptions } from "./nomad-server";

/** Props of {@link NomadServers}. */
export interface NomadServersProps
  extends HostGroupProps, Pick<NomadServerOptions, "schedulerAlgorithm" | "memoryOversubscription" | "logLevel"> {
  /** The Consul that the servers and their jobs use. */
  readonly consul: ConsulServers;
  /**
   * How agents find the servers, as for Consul, where they have hosts of their own.
   * @default they run on the hosts of the Consul servers
   * @see https://developer.hashicorp.com/nomad/docs/configuration/server_join
   */
  readonly join?: readonly string[];
  /**
   * How many servers there are on hosts of their own: 3 survive the loss of one, 5 of two. Without `join` there are as many as Consul servers.
   * @default 3
   */
  readonly count?: number;
  /** Nomad's datacenter of the hosts. @default Consul's */
  readonly datacenter?: string;
  /** Any other setting of the Nomad agents. Never a secret. @default none */
  readonly override?: NomadServerOptions["override"];
}

const NOMAD_SERVERS_SHAPE: is.Shape<NomadServersProps> = {
  ...HOST_GROUP_SHAPE,
  schedulerAlgorithm: is.oneOf(["binpack", "spread"]),
  memoryOversubscription: is.flag,
  logLevel: is.oneOf(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]),
  consul: is.required(is.like("ConsulServers", "cluster")),
  join: is.list(is.text),
  datacenter: is.name,
  override: is.fields,
};

/**
 * The servers of a Nomad region: mutual TLS, encrypted gossip, ACL, and identities with which jobs get Consul tokens of
 * their own.
 *
 * @example
 * const nomad = new NomadServers(stack, "nomad", { consul });
 */
export class NomadServers extends Construct {
  /** The Consul servers of the same cluster. */
  readonly consul: ConsulServers;
  /** The hosts that they run on. */
  readonly hosts: HostGroup;
  /** How agents find the servers: addresses, or a cloud auto-join string. */
  readonly join: readonly string[];
  /** Nomad's datacenter of the servers, and of the clients that are given them. */
  readonly datacenter: string;

  constructor(scope: Construct, id: string, props: NomadServersProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, NOMAD_SERVERS_SHAPE);
    const { consul } = props;
    const { consulDatacenter, nomadRegion, versions } = consul.cluster;
    this.consul = consul;
    this.join = props.join ?? consul.join;
    this.datacenter = props.datacenter ?? consulDatacenter;
    this.hosts = props.join === undefined ? this.consulHosts(props) : this.ownHosts(props);
    this.hosts.addPart({
      agent: "nomad-server",
      given: { at: this, props },
      role: nomadServer({
        version: versions.nomad,
        datacenter: this.datacenter,
        region: nomadRegion,
        retryJoin: this.join,
        bootstrapExpect: this.hosts.count ?? 3,
        schedulerAlgorithm: props.schedulerAlgorithm,
        memoryOversubscription: props.memoryOversubscription,
        logLevel: props.logLevel,
        override: props.override,
      }),
      override: props.override,
    });
  }

  /** One of its hosts as data, for `cloudInit`. */
  get host(): HostData {
    return this.hosts.host;
  }

  /** The hosts of the Consul servers, of which there are as many as there are. */
  private consulHosts({ consul, count, volumes, lifecycleNotices, extra }: NomadServersProps): HostGroup {
    if (count !== undefined && count !== consul.count) {
      throw new MeshError(
        this,
        `count is ${count}, but without join Nomad's servers run on the ${consul.count ?? 0} hosts of ${consul.node.path}.`,
        "Set count of the Consul servers, or set join for separate hosts.",
      );
    }
    if (lifecycleNotices !== undefined) {
      throw new MeshError(
        this,
        "lifecycleNotices is set, but without join Nomad's servers run on the hosts of the Consul servers.",
        "Set it there, or set join for separate hosts.",
      );
    }
    if (volumes !== undefined) consul.addPart({ role: { volumes } });
    if (extra !== undefined) consul.addPart({ role: extra });
    return consul;
  }

  private ownHosts({ consul, count = 3, volumes, lifecycleNotices, extra }: NomadServersProps): HostGroup {
    const { cluster, join } = consul;
    const hosts = new HostGroup(this, "Hosts", cluster, { count, volumes, lifecycleNotices, extra });
    hosts.addPart({
      agent: "consul-client",
      role: consulClient({ version: cluster.versions.consul, datacenter: cluster.consulDatacenter, retryJoin: join }),
    });
    return hosts;
  }
}
