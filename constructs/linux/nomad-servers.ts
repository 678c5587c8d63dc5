import { Construct } from "constructs";
import { consulClient } from "./consul-client";
import type { ConsulServers } from "./consul-servers";
import { MeshError } from "../core/errors";
import type { HostData } from "./host";
import * as is from "../core/shape";
import { HOST_GROUP_SHAPE, HostGroup, type HostGroupProps } from "./host-group";
import { NOMAD_VAULT_SHAPE, type NomadVaultOptions } from "./nomad-vault";
import { nomadServer, type NomadServerOptions } from "./nomad-server";

/** Props of {@link NomadServers}. */
export interface NomadServersProps
  extends HostGroupProps, Pick<NomadServerOptions, "schedulerAlgorithm" | "memoryOversubscription" | "logLevel"> {
  /** The Consul servers that Nomad and its jobs use. */
  readonly consul: ConsulServers;
  /**
   * How agents find the servers if they have separate hosts: addresses, or one cloud auto-join string.
   * @default none: they run on the hosts of the Consul servers
   * @see https://developer.hashicorp.com/nomad/docs/configuration/server_join
   */
  readonly join?: readonly string[];
  /**
   * Number of servers on separate hosts: 3 tolerate the loss of one, 5 of two. Without `join`, there is one server on each host
   * of the Consul servers.
   * @default 3
   */
  readonly count?: number;
  /** Nomad's datacenter of the hosts. @default the datacenter of Consul */
  readonly datacenter?: string;
  /** The Vault that tasks use. The clients of these servers use it too. @default none */
  readonly vault?: NomadVaultOptions;
  /** Any other settings of the Nomad agents. They must not contain secrets. @default none */
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
  vault: is.block(NOMAD_VAULT_SHAPE),
  override: is.fields,
};

/**
 * The servers of a Nomad region, with mutual TLS, encrypted gossip, ACLs, and workload identities with which jobs get their own
 * Consul tokens.
 *
 * @example
 * const nomad = new NomadServers(stack, "nomad", { consul });
 */
export class NomadServers extends Construct {
  /** The Consul servers of the same cluster. */
  readonly consul: ConsulServers;
  /** The hosts on which the servers run. */
  readonly hosts: HostGroup;
  /** How agents find the servers: addresses, or a cloud auto-join string. */
  readonly join: readonly string[];
  /** Nomad's datacenter of the servers, and of the clients that use them. */
  readonly datacenter: string;
  /** The Vault that tasks use. */
  readonly vault?: NomadVaultOptions;

  constructor(scope: Construct, id: string, props: NomadServersProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, NOMAD_SERVERS_SHAPE);
    const { consul } = props;
    const { consulDatacenter, nomadRegion, versions } = consul.cluster;
    this.consul = consul;
    this.join = props.join ?? consul.join;
    this.datacenter = props.datacenter ?? consulDatacenter;
    this.vault = props.vault;
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
        vault: props.vault,
        logLevel: props.logLevel,
        override: props.override,
      }),
      override: props.override,
    });
  }

  /** One host of the servers as data, for `cloudInit`. */
  get host(): HostData {
    return this.hosts.host;
  }

  /** Returns the hosts of the Consul servers. Each runs one Nomad server. */
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
    const hosts = new HostGroup(this, "Hosts", consul.cluster, { count, volumes, lifecycleNotices, extra });
    hosts.addPart({
      agent: "consul-client",
      role: consulClient(consul.clientOptions),
    });
    return hosts;
  }
}
