import type { CloudStoreKind } from "../../linux/platform";
import type { IamGrant } from "./grant";

/**
 * Custom metrics of Cloud Monitoring, reached with the identity of the machine's service account. The monitored resource is the
 * `gce_instance` that puts them.
 *
 * @see https://cloud.google.com/monitoring/custom-metrics
 */
export type GoogleMetricStore = Readonly<{
  /** Tells it from other stores. */
  type: "google-cloud-monitoring";
  /** The project of the metrics, e.g. `acme-prod`. */
  project: string;
  /** What the metrics of this cluster are below, e.g. `meshform/prod` for `custom.googleapis.com/meshform/prod/FailureTolerance`. */
  namespace: string;
}>;

/** The host tool has a module for it. */
export const cloudMonitoring: CloudStoreKind = {
  settings: { project: "name", namespace: "name" },
  needs: ["ca-certificates"],
};

/**
 * The role that the service account of servers needs, for any metric of the project.
 *
 * @see https://cloud.google.com/monitoring/access-control
 */
export function metricStoreGrants({ project }: GoogleMetricStore): IamGrant[] {
  return [{ role: "roles/monitoring.metricWriter", project }];
}
