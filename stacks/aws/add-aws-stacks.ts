import type { Construct } from "constructs";
import { AwsClusterStack } from "./cluster-stack";
import { AwsNetworkStack } from "./network-stack";
import type { AwsSettings } from "./settings";
import { AwsStateStack } from "./state-stack";

/** The stacks of a cluster on AWS, in the order in which they are applied. */
export interface AwsStacks {
  /** @default none: another app creates the bucket, or state is in local files */
  readonly state?: AwsStateStack;
  /** VPC, subnets and NAT gateways. */
  readonly network: AwsNetworkStack;
  /** Machines, with all that they need. */
  readonly cluster: AwsClusterStack;
}

/**
 * Adds the stacks of a cluster on AWS to an app: its network, its machines, and the bucket of their state where the settings ask
 * for it.
 *
 * @example
 * const settings = readAwsSettings(app);
 * if (settings) addAwsStacks(app, settings);
 */
export function addAwsStacks(app: Construct, settings: AwsSettings): AwsStacks {
  const state = settings.createStateBucket ? new AwsStateStack(app, "aws-state", settings) : undefined;
  const network = new AwsNetworkStack(app, "aws-network", settings);
  const cluster = new AwsClusterStack(app, "aws-cluster", { ...settings, network: network.network });
  if (state !== undefined) network.addDependency(state);
  cluster.addDependency(network);
  return { state, network, cluster };
}
