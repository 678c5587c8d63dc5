import { Construct, type IConstruct } from "constructs";
import { attachChecks } from "../checks/attach";
import * as is from "../core/shape";
import { MeshError, ValueError } from "../core/errors";
import { HOST_CHECKS, hostsOf } from "./checks";
import { type CloudInit, type CloudInitOptions, renderCloudInit } from "./cloud-init";
import { composeHost, type HostRole } from "./compose-host";
import type { FederationOptions } from "./federation";
import type { HostData, HostVolume } from "./host";
import type { HostToolRole, Recovery } from "./host-tool/host-tool";
import type { SecretStore } from "./host-tool/secret-store";
import type { SnapshotOptions } from "./host-tool/snapshot-store";
import type { CloudPlatform, CloudStore } from "./platform";
import { DRAIN_SECONDS, secureHost } from "./secure-host";
import type { Versions } from "./versions";
import { HOST_VOLUME_SHAPE } from "./volumes";

/** Props that all groups of hosts have in common. */
export interface HostGroupProps {
  /** Number of hosts in the group. */
  readonly count?: number;
  /**
   * Additional disks of each host, for data that must be kept when the machine's image is replaced.
   * @default none: all data is on the root disk
   */
  readonly volumes?: readonly HostVolume[];
  /**
   * Whether the hosts react to lifecycle notices of their platform. They leave before they are interrupted. If their group has
   * lifecycle hooks, they complete them when they are ready or have left the cluster. For the requirements, see the platform.
   * @default false
   */
  readonly lifecycleNotices?: boolean;
  /**
   * Your own files, packages, units and steps. They must not contain secrets, because they are part of the user data.
   * @default none
   */
  readonly extra?: HostRole;
}

/** Options of {@link HostGroup.cloudInit}. */
export interface GroupCloudInitOptions extends CloudInitOptions {
  /**
   * Location from which machines fetch files of more than 4 KiB at boot; see {@link CloudInitOptions.assets}. One of these files
   * is the host tool, which does not fit into the user data.
   */
  readonly assets: string;
}

/** @internal */
export const HOST_GROUP_SHAPE: is.Shape<HostGroupProps> = {
  count: is.number,
  volumes: is.list(is.block(HOST_VOLUME_SHAPE)),
  lifecycleNotices: is.flag,
  extra: is.fields,
};

/** Options that all hosts of a cluster have in common. */
export interface ClusterOptions {
  /** The cloud in which the hosts run. @default none: the hosts use no features of a cloud */
  readonly platform?: CloudPlatform;
  /** Name of Consul's datacenter, e.g. `dc1`. */
  readonly consulDatacenter: string;
  /** The WAN federation of which Consul's datacenter is a part. @default none */
  readonly federation?: FederationOptions;
  /** Nomad's region, e.g. `global`; the names in the agents' certificates contain it. */
  readonly nomadRegion: string;
  /** The store for the cluster's secrets. */
  readonly secretStore: SecretStore;
  /** Additional names in the certificates of the servers. @default none */
  readonly certificateNames?: readonly string[];
  /** Versions of the programs on every host. */
  readonly versions: Versions;
  /** Snapshots of the servers' state. @default none */
  readonly snapshots?: SnapshotOptions;
  /** Where servers put the metrics that alarms watch. @default nowhere */
  readonly healthMetrics?: CloudStore;
  /** Where hosts send their journal. @default nowhere */
  readonly logs?: CloudStore;
  /** What new servers do if no server has the state of the cluster. @default "restore" */
  readonly recovery?: Recovery;
}

/** A construct and its props. */
export interface Given {
  readonly at: IConstruct;
  readonly props: object;
}

/** One part of the hosts of a group. */
export interface GroupPart {
  readonly role: HostRole;
  /** The agent that this part installs. @default none */
  readonly agent?: HostToolRole;
  /** The construct that adds this part, and its props, for messages. @default the group itself */
  readonly given?: Given;
  /** Settings of the user that override those of the role. @default none */
  readonly override?: Readonly<Record<string, unknown>>;
  /** Seconds that the jobs of the host get to move to other hosts before it shuts down. @default 300 */
  readonly drainSeconds?: number;
}

/**
 * A group of identical hosts: they have one launch template and the same user data. The group does not create machines; an Auto
 * Scaling group of a cloud or the lab does.
 */
export class HostGroup extends Construct {
  /** Number of hosts in the group. `undefined` if nothing depends on it. */
  readonly count: number | undefined;
  /** @internal The user data that has been rendered. */
  readonly rendered: CloudInit[] = [];
  /** @internal The props from which the user data is rendered. */
  readonly given: Given[] = [];
  private readonly parts: GroupPart[] = [];

  constructor(
    scope: Construct,
    id: string,
    /** Options that all hosts of the cluster have in common. */
    readonly cluster: ClusterOptions,
    private readonly props: HostGroupProps,
  ) {
    super(scope, id);
    this.count = props.count;
    this.given.push({ at: this, props });
    hostsOf(this).push(this);
    attachChecks(this, HOST_CHECKS);
  }

  /** One host of the group as data, for `cloudInit`. Its name is that of the group; each machine has its own name. */
  get host(): HostData {
    const {
      platform,
      consulDatacenter,
      federation,
      nomadRegion,
      secretStore,
      certificateNames,
      snapshots,
      recovery,
      healthMetrics,
      logs,
    } = this.cluster;
    return composeHost(
      this.node.id,
      ...this.parts.map(({ role }) => role),
      secureHost({
        store: secretStore,
        platform,
        roles: this.parts.flatMap(({ agent }) => agent ?? []),
        consulDatacenter,
        federation: this.hasServers ? federation : undefined,
        nomadRegion,
        snapshots,
        healthMetrics: this.hasServers ? healthMetrics : undefined,
        logs,
        recovery: this.hasServers ? recovery : undefined,
        certificateNames: this.hasServers ? certificateNames : undefined,
        drainSeconds: this.parts.find((part) => part.drainSeconds !== undefined)?.drainSeconds,
      }),
      { volumes: this.props.volumes },
      ...(this.props.lifecycleNotices ? [this.notices()] : []),
      ...(this.props.extra ? [this.props.extra] : []),
    );
  }

  /**
   * Renders the user data of the group's machines. Call it after all parts have been added. The size is checked when the app is
   * synthesized.
   *
   * @throws MeshError if a package of the group cannot be installed with these options
   *
   * @example
   * const { userData } = clients.cloudInit({ distribution: "ubuntu-24.04", assets: "https://artifacts.example/meshform" });
   */
  cloudInit(options: GroupCloudInitOptions): CloudInit {
    is.refuseWrongArgument(this, "assets", (options as Partial<GroupCloudInitOptions>).assets, is.name);
    try {
      this.given.push({ at: this, props: { cloudInit: options } });
      const rendered = renderCloudInit(this.host, { platform: this.cluster.platform, ...options });
      this.rendered.push(rendered);
      return rendered;
    } catch (error) {
      if (error instanceof ValueError) throw new MeshError(this, error.problem, error.fix);
      throw error;
    }
  }

  private notices(): HostRole {
    const { platform } = this.cluster;
    if (platform !== undefined) return platform.lifecycleNotices();
    throw new MeshError(
      this,
      "lifecycleNotices is set, but the platform is unknown.",
      "Set platform of the Consul servers to the cloud that they run in, or omit lifecycleNotices.",
    );
  }

  /** @internal Whether the hosts complete the lifecycle hooks of their group. */
  get followsNotices(): boolean {
    return this.props.lifecycleNotices ?? false;
  }

  /** @internal Seconds that the jobs of a host get to move to other hosts. `undefined` if the hosts run no jobs. */
  get drainSeconds(): number | undefined {
    const client = this.parts.find(({ agent }) => agent === "nomad-client");
    return client && (client.drainSeconds ?? DRAIN_SECONDS);
  }

  /** @internal */
  get hasServers(): boolean {
    return this.parts.some(({ agent }) => agent?.endsWith("-server"));
  }

  /** @internal */
  get overrides(): readonly Readonly<Record<string, unknown>>[] {
    return this.parts.map(({ override }) => override).filter((override) => override !== undefined);
  }

  /** @internal */
  addPart(part: GroupPart): void {
    if (this.rendered.length > 0) {
      throw new MeshError(
        this,
        "These hosts were changed after cloudInit rendered their user data.",
        "Call cloudInit last.",
      );
    }
    if (part.given !== undefined) this.given.push(part.given);
    this.parts.push(part);
  }
}
