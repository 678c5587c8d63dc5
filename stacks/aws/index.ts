// Ready-made stacks on AWS. An entry of its own: the others load no AWS provider.

export { addAwsStacks, type AwsStacks } from "./add-aws-stacks";
export { AwsStack, type AwsStackOptions } from "./aws-stack";
export { AwsClusterStack, type AwsClusterStackProps } from "./cluster-stack";
export { AwsNetworkStack } from "./network-stack";
export { AwsStateStack } from "./state-stack";
