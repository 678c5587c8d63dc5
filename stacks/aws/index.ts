// Ready-made stacks on AWS. An entry of its own: the others load no AWS provider.

export { addAwsStacks, type AwsRegionStacks, type AwsStacks, type AwsStacksOptions } from "./add-aws-stacks";
export { AwsStack, type AwsStackOptions } from "./aws-stack";
export { AwsClusterStack, type AwsClusterStackProps } from "./cluster-stack";
export { AwsConnectionStack, type AwsConnectionStackProps } from "./connection-stack";
export { gatewayCount, GATEWAYS } from "./gateways";
export { AwsEdgeStack, type AwsEdgeStackProps } from "./edge-stack";
export { AwsNetworkStack } from "./network-stack";
export { AwsStateStack } from "./state-stack";
