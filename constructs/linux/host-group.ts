import { Construct, type IConstruct } from "constructs";
import { attachChecks } from "../checks/attach";
import * as is from "../core/shape";
import { MeshError, ValueError } from "../core/errors";
import { HOST_CHECKS, hostsOf } from "./checks";
import { type CloudInit, type CloudInitOptions, renderCloudInit } from "./cloud-init";
import { composeHost, type HostRole } from "./compose-host";
import type { HostData, HostVolume } from "./host";
import type { HostToolRole, Recovery } from "./host-tool/host-tool";
import type { SecretStore } from "./host-tool/secret-store";
import type { SnapshotOptions } from "./host-tool/snapshot-store";
import type { CloudPlatform } from "./platform";
import { DRAIN_SECONDS, secureHost } from "./secure-host";
import type { Versions } from "./versions";
import { HOST_VOLUME_SHAPE } from "./volumes";

/** What every group of hosts takes. */
export interface HostGroupProps {
  /** How many hosts the group has. */
  readonly count?: number;
  /**
   * Disks of the hosts' own, for data that outlives the image of a machine.
   * @default none: all is on the root disk
   */
  readonly volumes?: readonly HostVolume[];
  /**
   * Whether the hosts follow the notices of their platform: they complete the hooks of their group once they are ready or have left, and leave
   * before they are interrupted. What that takes is said at the platform.
   * @default false
   */
  readonly lifecycleNotices?: boolean;
  /**
   * Any role on top: files, packages, units, steps of your own. Never a secret, since all of it is in the user data.
   * @default none
   */
  readonly extra?: HostRole;
}

/** Options of {@link HostGroup.cloudInit}. */
export interface GroupCloudInitOptions extends CloudInitOptions {
  /**
   * From where machines fetch files of more than 4 KiB at boot, such as the tool that fetches their secrets: see
   * {@link CloudInitOptions.assets}. User data has no room for them.
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

/** What the hosts of one cluster have in common. */
export interface ClusterOptions {
  /** The cloud that they run in. @default they need nothing of any cloud */
  readonly platform?: CloudPlatform;
  /** Consul's name of the datacenter, e.g. `dc1`. */
  readonly consulDatacenter: string;
  /** Nomad's region, e.g. `global`; the names in the agents' certificates contain it. */
  readonly nomadRegion: string;
  /** Where the hosts keep the cluster's secrets. */
  readonly secretStore: SecretStore;
  /** More names in the certificates of the servers. @default none */
  readonly certificateNames?: readonly string[];
  /** Versions of the programs on every host. */
  readonly versions: Versions;
  /** @default none are saved */
  readonly snapshots?: SnapshotOptions;
  /** What new servers do where nobody has the state of the cluster. @default "restore" */
  readonly recovery?: Recovery;
}

/** What was given to a construct. */
export interface Given {
  readonly at: IConstruct;
  readonly props: object;
}

/** One part of the hosts of a group. */
export interface GroupPart {
  readonly role: HostRole;
  /** The agent that it is. @default none */
  readonly agent?: HostToolRole;
  /** The construct that it is of, and what was given to that, for messages. @default the group itself */
  readonly given?: Given;
  /** Settings that a user laid over those of the role. @default none */
  readonly override?: Readonly<Record<string, unknown>>;
  /** How long the jobs of the host have to run elsewhere before it is switched off. @default 300 */
  readonly drainSeconds?: number;
}

/**
 * Hosts that are all alike: one launch template, one set of user data. Which machines they become is for others to say, a
 * cloud's scaling group or the lab.
 */
export class HostGroup extends Construct {
  /** How many hosts the group has; `undefined` where nothing depends on it. */
  readonly count: number | undefined;
  /** @internal The user data that was asked for. */
  readonly rendered: CloudInit[] = [];
  /** @internal What its user data is made of. */
  readonly given: Given[] = [];
  private readonly parts: GroupPart[] = [];

  constructor(
    scope: Construct,
    id: string,
    /** What the hosts of its cluster have in common. */
    readonly cluster: ClusterOptions,
    private readonly props: HostGroupProps,
  ) {
    super(scope, id);
    this.count = props.count;
    this.given.push({ at: this, props });
    hostsOf(this).push(this);
    attachChecks(this, HOST_CHECKS);
  }

  /** One host of the group as data, for `cloudInit`. Its name is the group's: each machine has a name of its own. */
  get host(): HostData {
    const { platform, consulDatacenter, nomadRegion, secretStore, certificateNames, snapshots, recovery } =
      this.cluster;
    return composeHost(
      this.node.id,
      ...this.parts.map(({ role }) => role),
      secureHost({
        store: secretStore,
        platform,
        roles: this.parts.flatMap(({ agent }) => agent ?? []),
        consulDatacenter,
        nomadRegion,
        snapshots,
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
   * The user data of the group's machines, once all of its parts are there. Its size is checked when the app is synthesized.
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

  /** @internal Whether its hosts complete the hooks of their platform's groups. */
  get followsNotices(): boolean {
    return this.props.lifecycleNotices ?? false;
  }

  /** @internal How long the jobs of a host have to run elsewhere; `undefined` where no jobs run. */
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
