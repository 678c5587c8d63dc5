import { SsmParameter } from "@cdktf/provider-aws/lib/ssm-parameter";
import { Lazy } from "cdktf";
import type { Construct } from "constructs";
import { clusterParameter } from "./cluster-name";
import { tagsOf } from "./tags";

/** What other apps can know of a cluster: ids and names, no secrets. */
export interface ClusterFacts {
  readonly vpcId: string;
  readonly privateSubnetIds: readonly string[];
  /** Empty if there are none. */
  readonly publicSubnetIds: readonly string[];
  readonly clientsSecurityGroupId: string;
  readonly logsBucketName: string;
  readonly deletionProtection: boolean;
  /** Names of the Auto Scaling groups of its client pools, by pool. */
  readonly pools: Readonly<Record<string, string>>;
}

/**
 * Writes the facts of a cluster to an SSM parameter, from which `AwsCluster.fromName` reads them in other apps.
 *
 * @param factsOf called at synthesis, when all pools are known
 * @see https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-parameter-store.html
 */
export function writeClusterFacts(scope: Construct, name: string, factsOf: () => ClusterFacts): void {
  new SsmParameter(scope, "facts", {
    name: clusterParameter(name),
    description: `What other apps need to know of the cluster ${name}`,
    type: "String",
    // Not a secret: plans show what changes.
    insecureValue: Lazy.stringValue({ produce: () => JSON.stringify(factsOf()) }),
    tags: tagsOf(scope, clusterParameter(name)),
  });
}
