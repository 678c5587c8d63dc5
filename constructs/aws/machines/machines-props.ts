import * as is from "../../core/shape";
import type { IamStatement } from "../platform/secret-store";
import type { MachineSubnets } from "../network/machine-subnets";
import type { NetworkLike } from "../network/network-like";
import type { AssetsBucket } from "../storage/assets-bucket";
import { TAGS, type Tags } from "../tags";
import { MachineImage } from "./machine-image";

/** Props that {@link MachineGroup} and `ServerGroup` have in common. */
export interface MachinesProps {
  /** The network in which the machines run. */
  readonly network: NetworkLike;
  /** The subnets of the network: `"gateway"` for machines that run mesh gateways. @default "private" */
  readonly subnets?: MachineSubnets;
  /** Security groups of the machines, e.g. `clientsId` of `SecurityGroups`. */
  readonly securityGroupIds: readonly string[];
  /** The bucket from which the machines download, at boot, files that do not fit into user data. */
  readonly assets: AssetsBucket;
  /** Prefix of the names of its resources. @default the construct's id */
  readonly name?: string;
  /** ARN of the key that encrypts the disks. @default the account's default key for EBS */
  readonly keyArn?: string;
  /**
   * Additional IAM permissions of the machines. All machines can fetch assets, find servers by tags, answer sessions and complete
   * their group's hooks. If the cluster's secrets are in Secrets Manager, add the result of `secretStorePolicy`.
   * @default nothing
   */
  readonly statements?: readonly IamStatement[];
  /** The image of the machines. @default MachineImage.ubuntu() */
  readonly image?: MachineImage;
  /** The size of each machine's root disk, in GiB. @default 40 */
  readonly diskGib?: number;
  /** Tags of the machines in addition to those of the group. @default none */
  readonly machineTags?: Tags;
  /** Tags of all resources. Keys can contain letters, digits and `+-=._,:@`. @default none */
  readonly tags?: Tags;
}

const STATEMENT_SHAPE: is.Shape<IamStatement> = {
  Sid: is.required(is.name),
  Effect: is.required(is.oneOf(["Allow"])),
  Action: is.required(is.list(is.name)),
  Resource: is.required(is.list(is.name)),
  Condition: is.fields,
};

/** @internal */
export const MACHINES_SHAPE: is.Shape<MachinesProps> = {
  network: is.required(is.like("a Network", "privateSubnets")),
  subnets: is.oneOf(["private", "gateway"]),
  securityGroupIds: is.required(is.literalList(is.name)),
  assets: is.required(is.like("an AssetsBucket", "readStatement")),
  name: is.literal(is.name, "Use a literal name."),
  keyArn: is.name,
  statements: is.literalList(is.block(STATEMENT_SHAPE)),
  image: is.made("MachineImage.ubuntu()"),
  diskGib: is.number,
  machineTags: TAGS,
  tags: TAGS,
};

/** Returns the props with their defaults. */
export function machinesOptions(id: string, props: MachinesProps) {
  const {
    network,
    securityGroupIds,
    assets,
    name = id,
    keyArn,
    statements = [],
    image,
    machineTags = {},
    tags,
  } = props;
  return {
    ...{ network, securityGroupIds, assets, name, keyArn, statements, machineTags, tags },
    subnets: props.subnets ?? "private",
    image: image ?? MachineImage.ubuntu(),
    diskGib: props.diskGib ?? 40,
  };
}
