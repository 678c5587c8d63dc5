// Ready-made stacks, and the settings that they take.

export { AccessStack, type AccessStackProps } from "./access-stack";
export { GatewayBindingRulesStack, type GatewayBindingRulesStackProps } from "./gateway-binding-rules-stack";
export { MeshStack, type MeshStackProps } from "./mesh-stack";
export { readSettings, type Runtime, type Settings } from "./settings";
