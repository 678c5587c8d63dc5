import { AutoscalingGroup } from "@cdktf/provider-aws/lib/autoscaling-group";
import { IamInstanceProfile } from "@cdktf/provider-aws/lib/iam-instance-profile";
import { IamRole } from "@cdktf/provider-aws/lib/iam-role";
import { IamRolePolicy } from "@cdktf/provider-aws/lib/iam-role-policy";
import { LaunchTemplate } from "@cdktf/provider-aws/lib/launch-template";
import { Token } from "cdktf";
import { Construct } from "constructs";
import { attachChecks } from "../../checks/attach";
import { MeshError } from "../../core/errors";
import type { HostGroup } from "../../linux/host-group";
import { policyDocument, trustPolicy, type PolicyStatement } from "../access/policy";
import { AWS_CHECKS } from "../checks";
import { machineGroupsOf, type CheckedMachines } from "../checks/machines";
import { awsName } from "../names";
import type { NetworkLike } from "../network/network-like";
import type { AssetsBucket } from "../storage/assets-bucket";
import { tagsOf } from "../tags";
import { architectureOf } from "./architecture";
import type { Capacity } from "./capacity";
import type { MachineImage } from "./machine-image";

/** What a group of machines is made from. */
export interface MachineGroupOptions {
  /** What its parts are named after. */
  readonly name: string;
  /** What the machines are; all of it must be there. */
  readonly hosts: HostGroup;
  readonly network: NetworkLike;
  readonly securityGroupId: string;
  readonly assets: AssetsBucket;
  readonly keyArn: string;
  /** What the machines may do on AWS. */
  readonly statements: readonly PolicyStatement[];
  readonly image: MachineImage;
  readonly instanceTypes: readonly string[];
  readonly capacity: Capacity;
  readonly size: { readonly min: number; readonly max: number };
  readonly diskGib: number;
  /** Tags of the machines in addition to those of the group. */
  readonly machineTags: Readonly<Record<string, string>>;
  /** Whether a plan that would destroy or replace the group fails, and zones are not evened out by replacing machines. */
  readonly isProtected: boolean;
  readonly hasServers: boolean;
}

/**
 * Machines that are all alike, as one Auto Scaling group over the private subnets: a launch template from the data of hosts, and a role of
 * its own.
 */
export class MachineGroup extends Construct implements CheckedMachines {
  /** Name of the role of the machines. */
  readonly roleName: string;
  /** Name of the Auto Scaling group, to which target groups are attached from outside. */
  readonly groupName: string;

  constructor(
    scope: Construct,
    id: string,
    readonly options: MachineGroupOptions,
  ) {
    super(scope, id);
    attachChecks(this, AWS_CHECKS);
    machineGroupsOf(this).push(this);
    this.refuseArchitectures();
    const { name, image, keyArn, capacity, size, instanceTypes } = options;
    const { userData, tags, assets } = options.hosts.cloudInit({
      distribution: image.distribution,
      assets: options.assets.location,
    });
    this.roleName = awsName(this, "role", name);
    const profile = this.profile();
    this.groupName = awsName(this, "Auto Scaling group", name);
    const machineTags = { ...tagsOf(this, name), ...options.machineTags, ...tags };
    this.refuseTags(machineTags);
    const template = new LaunchTemplate(this, "template", {
      name: awsName(this, "launch template", name),
      updateDefaultVersion: true,
      imageId: image.idIn(this),
      instanceType: instanceTypes[0],
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
          securityGroups: [options.securityGroupId],
        },
      ],
      blockDeviceMappings: [
        {
          deviceName: image.rootDevice,
          ebs: {
            volumeType: "gp3",
            volumeSize: options.diskGib,
            encrypted: "true",
            kmsKeyId: keyArn,
            deleteOnTermination: "true",
          },
        },
      ],
      tagSpecifications: [
        { resourceType: "instance", tags: machineTags },
        ...["volume", "network-interface"].map((resourceType) => ({ resourceType, tags: tagsOf(this, name) })),
      ],
      tags: tagsOf(this, name),
    });
    const version = { version: Token.asString(template.latestVersion) };
    const isMixed = instanceTypes.length > 1 || capacity.kind === "spot";
    new AutoscalingGroup(this, "group", {
      name: this.groupName,
      minSize: size.min,
      maxSize: size.max,
      // Where there is a range, what scales the group has decided on a number.
      desiredCapacity: size.min === size.max ? size.min : undefined,
      vpcZoneIdentifier: options.network.privateSubnets.map((subnet) => subnet.id),
      // Those of a load balancer would replace all machines at once where a service is at fault.
      healthCheckType: "EC2",
      capacityRebalance: capacity.kind === "spot" || undefined,
      suspendedProcesses: options.hasServers ? ["AZRebalance"] : undefined,
      launchTemplate: isMixed ? undefined : { id: template.id, ...version },
      mixedInstancesPolicy: isMixed
        ? {
            launchTemplate: {
              launchTemplateSpecification: { launchTemplateId: template.id, ...version },
              override: instanceTypes.map((instanceType) => ({ instanceType })),
            },
            instancesDistribution: {
              onDemandBaseCapacity: capacity.base,
              onDemandPercentageAboveBaseCapacity: capacity.kind === "spot" ? 0 : 100,
              spotAllocationStrategy: capacity.kind === "spot" ? "price-capacity-optimized" : undefined,
            },
          }
        : undefined,
      tag: Object.entries(tagsOf(this, name)).map(([key, value]) => ({ key, value, propagateAtLaunch: false })),
      timeouts: { delete: "30m" },
      dependsOn: [...new Set(assets.flatMap((asset) => options.assets.add(asset)))],
      lifecycle: options.isProtected ? { preventDestroy: true } : undefined,
    });
  }

  private profile(): IamInstanceProfile {
    const { name, statements } = this.options;
    const role = new IamRole(this, "role", {
      name: this.roleName,
      assumeRolePolicy: trustPolicy("ec2.amazonaws.com"),
      tags: tagsOf(this, name),
    });
    new IamRolePolicy(this, "policy", { name: "machine", role: role.name, policy: policyDocument(statements) });
    return new IamInstanceProfile(this, "profile", {
      name: awsName(this, "instance profile", name),
      role: role.name,
      tags: tagsOf(this, name),
    });
  }

  private refuseArchitectures(): void {
    const { instanceTypes, image } = this.options;
    const wrong = instanceTypes.filter((type) => architectureOf(type) !== image.architecture);
    if (instanceTypes.length === 0) {
      throw new MeshError(this, "It has no instance type.", "Name one, or omit instanceTypes.");
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
        `The tag "${wrong}" has characters other than letters, digits and +-=._,:@, which the metadata service of machines cannot show.`,
        "Choose another key.",
      );
    }
  }
}
