import { AutoscalingGroup } from "@cdktf/provider-aws/lib/autoscaling-group";
import { AutoscalingPolicy } from "@cdktf/provider-aws/lib/autoscaling-policy";
import { IamInstanceProfile } from "@cdktf/provider-aws/lib/iam-instance-profile";
import { IamRole } from "@cdktf/provider-aws/lib/iam-role";
import { IamRolePolicy } from "@cdktf/provider-aws/lib/iam-role-policy";
import { LaunchTemplate } from "@cdktf/provider-aws/lib/launch-template";
import { Token } from "cdktf";
import { Construct } from "constructs";
import { attachChecks } from "../../checks/attach";
import { MeshError } from "../../core/errors";
import type { HostGroup } from "../../linux/host-group";
import { completeHooksStatement } from "../access/hook-statement";
import { decryptStatement, FIND_SERVERS, SESSIONS } from "../access/machine-statements";
import type { IamStatement } from "../platform/secret-store";
import { policyDocument, trustPolicy } from "../access/policy";
import { AWS_CHECKS } from "../checks";
import { machineGroupsOf } from "../checks/machines";
import { awsName } from "../names";
import { subnetsFor, type MachineSubnets } from "../network/machine-subnets";
import type { NetworkLike } from "../network/network-like";
import { LIFECYCLE_HOOKS } from "../platform/lifecycle-notices";
import { awsPlatform } from "../platform/platform";
import type { AssetsBucket } from "../storage/assets-bucket";
import { addTags, tagsOf, type Tags } from "../tags";
import { architectureOf } from "./architecture";
import type { Capacity } from "./capacity";
import { InstanceRequirements } from "./instance-requirements";
import type { MachineImage } from "./machine-image";
import type { Scaling } from "./scaling";

/** What a group of machines is made from. */
export interface MachinesOptions {
  /** What its parts are named after. */
  readonly name: string;
  /** What the machines are; all of it must be there. */
  readonly hosts: HostGroup;
  readonly network: NetworkLike;
  readonly subnets: MachineSubnets;
  readonly securityGroupIds: readonly string[];
  readonly assets: AssetsBucket;
  /** @default the account's own for disks */
  readonly keyArn?: string;
  /** What the machines may do on AWS in addition to what every machine may. */
  readonly statements: readonly IamStatement[];
  readonly image: MachineImage;
  readonly instanceTypes: readonly string[] | InstanceRequirements;
  readonly capacity: Capacity;
  readonly scaling: Scaling;
  readonly diskGib: number;
  /** Tags of the machines in addition to those of the group. */
  readonly machineTags: Tags;
  /** Whether a plan that would destroy or replace the group fails. */
  readonly isProtected: boolean;
  /** Tags of everything in it. */
  readonly tags?: Tags;
  /** Seconds between a machine that is ready and the next. */
  readonly pauseSeconds: number;
  /** Whether zones are evened out by replacing machines. */
  readonly evensOutZones: boolean;
}

/** In percent of a group of 10 machines at most: a part of a machine counts as a whole one. It is what AWS calls "launch before terminating". */
const ONE_MORE = 110;

/** Names of the devices of disks that are added. The kernel of a machine has others, so that hosts know a disk by its size or label. */
const deviceOf = (index: number) => `/dev/sd${String.fromCharCode("f".charCodeAt(0) + index)}`;

/**
 * Machines that are all alike, as one Auto Scaling group over the private subnets: a launch template from the data of hosts, and a role of
 * its own.
 */
export class Machines extends Construct {
  /** Name of the role of the machines. */
  readonly roleName: string;
  /** Name of the Auto Scaling group. */
  readonly groupName: string;
  /** The same name as a reference, with which target groups are attached from outside: Terraform creates the group first. */
  readonly groupReference: string;

  constructor(
    scope: Construct,
    id: string,
    /** @internal */
    readonly options: MachinesOptions,
  ) {
    super(scope, id);
    attachChecks(this, AWS_CHECKS);
    addTags(this, options.tags ?? {});
    machineGroupsOf(this).push(this);
    this.refuseArchitectures();
    this.refuseHosts();
    const subnets = subnetsFor(options.subnets, options.network);
    this.refuseNoSubnets(subnets);
    const { name, image, keyArn, capacity, scaling, instanceTypes } = options;
    const isByNeed = instanceTypes instanceof InstanceRequirements;
    const { userData, tags, assets } = options.hosts.cloudInit({
      distribution: image.distribution,
      assets: options.assets.location,
    });
    this.roleName = awsName(this, "role", name);
    this.groupName = awsName(this, "Auto Scaling group", name);
    const profile = this.profile();
    const machineTags = { ...tagsOf(this, name), ...options.machineTags, ...tags };
    this.refuseTags(machineTags);
    const template = new LaunchTemplate(this, "template", {
      name: awsName(this, "launch template", name),
      updateDefaultVersion: true,
      imageId: image.idIn(this),
      instanceType: isByNeed ? undefined : instanceTypes[0],
      userData,
      ebsOptimized: "true",
      iamInstanceProfile: { arn: profile.arn },
      metadataOptions: {
        httpEndpoint: "enabled",
        httpTokens: "required",
        // Containers have a hop more: none of them reads the credentials of the machine.
        httpPutResponseHopLimit: 1,
        instanceMetadataTags: "enabled",
      },
      // The default name comes back with the address.
      privateDnsNameOptions: { hostnameType: "resource-name" },
      networkInterfaces: [
        {
          deviceIndex: 0,
          associatePublicIpAddress: "false",
          deleteOnTermination: "true",
          securityGroups: [...options.securityGroupIds],
        },
      ],
      blockDeviceMappings: [
        { deviceName: image.rootDevice, ebs: diskOf(options.diskGib, keyArn) },
        ...options.hosts.host.volumes.map(({ sizeGib }, index) => ({
          deviceName: deviceOf(index),
          ebs: diskOf(sizeGib, keyArn),
        })),
      ],
      tagSpecifications: [
        { resourceType: "instance", tags: machineTags },
        ...["volume", "network-interface"].map((resourceType) => ({ resourceType, tags: tagsOf(this, name) })),
      ],
      tags: tagsOf(this, name),
    });
    const version = { version: Token.asString(template.latestVersion) };
    const isMixed = isByNeed || instanceTypes.length > 1 || capacity.kind === "spot";
    const group = new AutoscalingGroup(this, "group", {
      name: this.groupName,
      minSize: scaling.min,
      maxSize: scaling.max,
      // Where there is a range, what scales the group has decided on a number.
      desiredCapacity: scaling.min === scaling.max ? scaling.min : undefined,
      vpcZoneIdentifier: subnets.map((subnet) => subnet.id),
      // Free of charge, and the alarms need it.
      enabledMetrics: ["GroupInServiceInstances"],
      // Those of a load balancer would replace all machines at once where a service is at fault.
      healthCheckType: "EC2",
      capacityRebalance: capacity.kind === "spot" || undefined,
      suspendedProcesses: options.evensOutZones ? undefined : ["AZRebalance"],
      // Hooks that are made later miss the first machines. A change of one replaces the group.
      initialLifecycleHook: Object.values(LIFECYCLE_HOOKS).map(({ name, transition, defaultResult, seconds }) => ({
        name,
        lifecycleTransition: transition,
        defaultResult,
        heartbeatTimeout: seconds,
      })),
      // A changed launch template starts it. A machine is taken away when a new one is ready, and not before.
      instanceRefresh: {
        strategy: "Rolling",
        preferences: {
          minHealthyPercentage: 100,
          maxHealthyPercentage: ONE_MORE,
          instanceWarmup: String(options.pauseSeconds),
          autoRollback: true,
          skipMatching: true,
        },
      },
      // Until machines are ready, which the launch hook waits for.
      waitForCapacityTimeout: minutes(LIFECYCLE_HOOKS.launch.seconds + 600),
      launchTemplate: isMixed ? undefined : { id: template.id, ...version },
      mixedInstancesPolicy: isMixed
        ? {
            launchTemplate: {
              launchTemplateSpecification: { launchTemplateId: template.id, ...version },
              override: isByNeed
                ? [{ instanceRequirements: instanceTypes.block }]
                : instanceTypes.map((instanceType) => ({ instanceType })),
            },
            instancesDistribution: {
              // Requirements have no order.
              onDemandAllocationStrategy: isByNeed ? "lowest-price" : undefined,
              onDemandBaseCapacity: capacity.base,
              onDemandPercentageAboveBaseCapacity: capacity.kind === "spot" ? 0 : 100,
              spotAllocationStrategy: capacity.kind === "spot" ? "price-capacity-optimized" : undefined,
            },
          }
        : undefined,
      tag: Object.entries(tagsOf(this, name)).map(([key, value]) => ({ key, value, propagateAtLaunch: false })),
      // Machines leave before they are terminated, all at the same time.
      timeouts: { delete: minutes(2 * LIFECYCLE_HOOKS.terminate.seconds) },
      dependsOn: [...new Set(assets.flatMap((asset) => options.assets.add(asset)))],
      lifecycle: options.isProtected ? { preventDestroy: true } : undefined,
    });
    this.groupReference = group.name;
    if (scaling.kind === "cpu") {
      new AutoscalingPolicy(this, "scaling", {
        name: `${name}-cpu`,
        autoscalingGroupName: group.name,
        policyType: "TargetTrackingScaling",
        // A machine counts once it is ready.
        estimatedInstanceWarmup: 60,
        targetTrackingConfiguration: {
          predefinedMetricSpecification: { predefinedMetricType: "ASGAverageCPUUtilization" },
          targetValue: scaling.percent,
        },
      });
    }
  }

  /** What every machine may do, and those of this group in addition. */
  private statements(): readonly IamStatement[] {
    const { assets, keyArn, statements } = this.options;
    return [
      ...statements,
      ...(keyArn === undefined ? [] : [decryptStatement(keyArn)]),
      assets.readStatement(),
      FIND_SERVERS,
      SESSIONS,
      completeHooksStatement(this, this.groupName),
    ];
  }

  private profile(): IamInstanceProfile {
    const { name } = this.options;
    const role = new IamRole(this, "role", {
      name: this.roleName,
      assumeRolePolicy: trustPolicy("ec2.amazonaws.com"),
      tags: tagsOf(this, name),
    });
    new IamRolePolicy(this, "policy", { name: "machine", role: role.name, policy: policyDocument(this.statements()) });
    return new IamInstanceProfile(this, "profile", {
      name: awsName(this, "instance profile", name),
      role: role.name,
      tags: tagsOf(this, name),
    });
  }

  /** Otherwise no machine would tell that it is ready, and the group would give up each of them. */
  private refuseHosts(): void {
    const { hosts } = this.options;
    if (!hosts.followsNotices) {
      throw new MeshError(
        this,
        `The hosts ${hosts.node.path} do not complete the hooks of their group.`,
        "Set lifecycleNotices to true at them.",
      );
    }
    if (hosts.cluster.platform !== awsPlatform) {
      throw new MeshError(
        this,
        `The hosts ${hosts.node.path} are ${hosts.cluster.platform === undefined ? "of no cloud" : `those of ${hosts.cluster.platform.name}`}.`,
        "Set platform of their Consul servers to awsPlatform.",
      );
    }
  }

  private refuseNoSubnets({ length }: readonly unknown[]): void {
    if (length === 0) {
      throw new MeshError(
        this,
        "Its subnets are those for gateways, and its network has none.",
        "Set gateways of the Network to true, or gatewaySubnets of Network.fromIds.",
      );
    }
  }

  private refuseArchitectures(): void {
    const { instanceTypes, image } = this.options;
    // AWS chooses types for the architecture of the image.
    if (instanceTypes instanceof InstanceRequirements) return;
    const wrong = instanceTypes.filter((type) => architectureOf(type) !== image.architecture);
    if (instanceTypes.length === 0) {
      throw new MeshError(this, "It has no instance type.", "Add one, or omit instanceTypes.");
    }
    if (wrong.length > 0) {
      const other = image.architecture === "arm64" ? "amd64" : "arm64";
      throw new MeshError(
        this,
        `The image is for ${image.architecture}, and ${wrong.join(", ")} for ${other}.`,
        `Choose an image for ${other}, or instance types for ${image.architecture}.`,
      );
    }
  }

  /** Tags that the metadata service shows have narrower rules than others: with others no machine starts. */
  private refuseTags(tags: Readonly<Record<string, string>>): void {
    const wrong = Object.keys(tags).find((key) => !/^[A-Za-z0-9+\-=._,:@]+$/.test(key));
    if (wrong !== undefined) {
      throw new MeshError(
        this,
        `The tag "${wrong}" has characters other than letters, digits and +-=._,:@, which the instance metadata service does not support.`,
        "Choose another key.",
      );
    }
  }
}

/** An encrypted disk, which goes with its machine. */
function diskOf(gib: number, keyArn: string | undefined) {
  return { volumeType: "gp3", volumeSize: gib, encrypted: "true", kmsKeyId: keyArn, deleteOnTermination: "true" };
}

function minutes(seconds: number): string {
  return `${Math.ceil(seconds / 60)}m`;
}
