import type { CloudPlatform } from "../../linux/platform";
import { storageAssets } from "./assets";
import { instanceAttributes } from "./instance-attributes";
import { cloudMonitoring } from "./metric-store";
import { preemptionNotice } from "./preemption-notice";
import { secretManager } from "./secret-store";
import { snapshotBucket } from "./snapshot-store";

/**
 * Hosts on Google Cloud: assets from Cloud Storage, secrets in Secret Manager ({@link GoogleSecretStore}), snapshots in a bucket
 * ({@link GoogleSnapshotStore}), metrics in Cloud Monitoring ({@link GoogleMetricStore}), facts from custom metadata
 * ({@link instanceMetadata}). With `lifecycleNotices`, hosts leave before a Spot VM is preempted. The machines need a service
 * account with the scope `cloud-platform`, and no package of Google's.
 *
 * @see https://cloud.google.com/compute/docs/metadata/overview
 *
 * @example
 * const consul = new ConsulServers(stack, "consul", {
 *   platform: googlePlatform,
 *   join: ["provider=gce project_name=acme-prod tag_value=consul-prod"],
 *   secretStore: { type: "google-secret-manager", project: "acme-prod", prefix: "prod-", bucket: "acme-prod-current" },
 * });
 */
export const googlePlatform: CloudPlatform = {
  name: "Google Cloud",
  userData: {
    // A value has at most 256 KiB, after base64.
    bytes: (256 * 1024 * 3) / 4,
    rule: "Compute Engine limits a metadata value to 256 KiB, after compression and base64.",
  },
  autoJoin: "provider=gce project_name=… tag_value=…",
  assetLocation: "gs://<bucket>/<prefix>",
  assetSource: storageAssets,
  hostToolModule: "google",
  secretStores: { "google-secret-manager": secretManager },
  snapshotStores: { "google-cloud-storage": snapshotBucket },
  metricStores: { "google-cloud-monitoring": cloudMonitoring },
  instanceFacts: instanceAttributes,
  lifecycleNotices: preemptionNotice,
};
