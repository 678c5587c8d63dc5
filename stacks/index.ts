// Ready-made stacks, and the settings that they take.

export { AccessStack, type AccessStackProps } from "./access-stack";
export { PRESETS, type AwsPreset, type PresetSettings } from "./aws/presets";
export { readAwsSettings, type AwsSettings } from "./aws/settings";
export { keepState } from "./aws/state";
export { GatewayBindingRulesStack, type GatewayBindingRulesStackProps } from "./gateway-binding-rules-stack";
export { MeshStack, type MeshStackProps } from "./mesh-stack";
export { readSettings, type Runtime, type Settings } from "./settings";
