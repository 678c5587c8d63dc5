import { Construct } from "constructs";
import type * as consul from "../consul/generated/config-entries";
import { MeshError } from "../core/errors";
import * as is from "../core/shape";
import { type ConsulConfigEntry, DerivedConfigEntry } from "./config-entry";
import type { Mesh } from "./mesh";
import { refuseUnknownName } from "./mesh-member";
import { MEMBER_SHAPE } from "./shapes";

/** A member of a sameness group. Exactly one of the properties is required. */
export interface SamenessGroupMember {
  /** Name of a cluster peer. @default none: `partition` */
  readonly peer?: string;
  /** Name of an admin partition of the same cluster. @default none: `peer` */
  readonly partition?: string;
}

/** Props of {@link ServiceMesh.addSamenessGroup}. */
export interface SamenessGroupBaseProps {
  /** Name of the group in Consul. @default the construct's id */
  readonly groupName?: string;
  /** The members, in the order in which failover tries them. The local partition must be one of them, unless `includeLocal` is set. */
  readonly members: readonly SamenessGroupMember[];
  /** Whether each service without a failover of its own fails over to the service of the same name at the members. @default false */
  readonly defaultForFailover?: boolean;
  /** Whether the local partition is the first member. @default false */
  readonly includeLocal?: boolean;
  /** Admin partition of the group. @default that of the mesh */
  readonly partition?: string;
}

/** Props of {@link SamenessGroup}. */
export interface SamenessGroupProps extends SamenessGroupBaseProps {
  /** The mesh in whose cluster the group is. */
  readonly mesh: Mesh;
}

const SAMENESS_GROUP_SHAPE: is.Shape<SamenessGroupProps> = {
  mesh: MEMBER_SHAPE.mesh,
  groupName: is.name,
  members: is.required(is.literalList(is.block<SamenessGroupMember>({ peer: is.name, partition: is.name }))),
  defaultForFailover: is.flag,
  includeLocal: is.flag,
  partition: is.name,
};

/**
 * Partitions and cluster peers whose services of the same name are the same service: the config entry `sameness-group`. It requires Consul
 * Enterprise, and has not been tested with it. `explain`, the picture and the checks do not know to which services a group leads.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/sameness-group
 */
export class SamenessGroup extends Construct {
  /** Name of the group in Consul, for `SamenessGroup` in an `override` of a resolver, and in config entries that are written manually. */
  readonly groupName: string;
  /** The config entry `sameness-group`. */
  readonly entry: ConsulConfigEntry<consul.SamenessGroupConfigEntry>;

  constructor(scope: Construct, id: string, props: SamenessGroupProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, SAMENESS_GROUP_SHAPE);
    const { mesh, groupName = id, members, defaultForFailover, includeLocal, partition } = props;
    refuseUnknownName(this, "sameness group", groupName);
    for (const { peer, partition: ofMember } of members) {
      if ((peer === undefined) === (ofMember === undefined)) {
        throw new MeshError(
          this,
          `A member has ${peer === undefined ? "neither peer nor partition" : "peer and partition"}.`,
          "Set one of them.",
        );
      }
    }
    this.groupName = groupName;
    mesh.addOwner(this);
    this.entry = new DerivedConfigEntry<consul.SamenessGroupConfigEntry>(this, "Entry", {
      kind: "sameness-group",
      name: groupName,
      tenancy: partition === undefined ? undefined : { partition },
      entry: () => ({
        DefaultForFailover: defaultForFailover,
        IncludeLocal: includeLocal,
        Members: members.map(({ peer, partition: ofMember }) => ({ Peer: peer, Partition: ofMember })),
      }),
      isRemovedLast: true,
    });
  }
}
