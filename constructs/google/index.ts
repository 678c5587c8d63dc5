// What hosts know of Google Cloud. An entry of its own, which needs no provider.
export type { IamGrant } from "./platform/grant";
export { instanceMetadata } from "./platform/instance-attributes";
export { metricStoreGrants, type GoogleMetricStore } from "./platform/metric-store";
export { googlePlatform } from "./platform/platform";
export {
  federationSecretGrants,
  googleFederationSecretName,
  googleSecretNames,
  secretStoreGrants,
  type GoogleSecretStore,
} from "./platform/secret-store";
export { snapshotStoreGrants, type GoogleSnapshotStore } from "./platform/snapshot-store";
