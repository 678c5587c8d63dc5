import { DataAwsCallerIdentity } from "@cdktf/provider-aws/lib/data-aws-caller-identity";
import { DataAwsPartition } from "@cdktf/provider-aws/lib/data-aws-partition";
import { DataAwsRegion } from "@cdktf/provider-aws/lib/data-aws-region";
import { TerraformStack } from "cdktf";
import { Construct, type IConstruct } from "constructs";

const ID = "aws_account";

/** The account, region and partition in which a stack is applied, from data sources. ARNs and policies contain them. */
export class AwsAccount extends Construct {
  /** Returns the account of a construct's stack. The first call creates it. */
  static of(scope: IConstruct): AwsAccount {
    const stack = TerraformStack.of(scope);
    return (stack.node.tryFindChild(ID) as AwsAccount | undefined) ?? new AwsAccount(stack, ID);
  }

  private readonly found: { region?: string; id?: string; partition?: DataAwsPartition } = {};

  private constructor(scope: Construct, id: string) {
    super(scope, id);
  }

  /** e.g. `eu-central-1` */
  get region(): string {
    // Newer providers call it region, and still know it by this name.
    return (this.found.region ??= new DataAwsRegion(this, "region").name);
  }

  /** The account's number. */
  get id(): string {
    return (this.found.id ??= new DataAwsCallerIdentity(this, "caller").accountId);
  }

  /** `aws`, `aws-cn` or `aws-us-gov`. */
  get partition(): string {
    return this.partitionData.partition;
  }

  /** `com.amazonaws` or `cn.com.amazonaws`, with which the names of endpoint services begin. */
  get servicePrefix(): string {
    return this.partitionData.reverseDnsPrefix;
  }

  private get partitionData(): DataAwsPartition {
    return (this.found.partition ??= new DataAwsPartition(this, "partition"));
  }
}
