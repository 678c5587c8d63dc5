// The whole public surface of the library.

export type { Check, CheckedApp, Finding } from "./checks/check";
export { CHECKS } from "./checks/rules";
export { silence } from "./checks/silence";

export { ConsulConfigEntry, type ConsulConfigEntryProps } from "./consul/consul-config-entry";
export type * as consul from "./consul/generated/config-entries";
export { HttpPermission, type HeaderMatch, type HttpMatch } from "./consul/http-permission";
export { Protocol } from "./consul/protocol";

export { MeshError } from "./errors";
export { synthesize } from "./synthesize";

export { Connection, type ConnectOptions } from "./mesh/connection";
export { Intention, type IntentionOptions } from "./mesh/intention";
export {
  MeshService,
  type IMeshService,
  type ImportedMeshServiceOptions,
  type MeshServiceBaseProps,
  type MeshServiceProps,
} from "./mesh/mesh-service";
export { ServiceMesh, type ServiceMeshProps } from "./mesh/service-mesh";
export { MeshGatewayMode, Upstream, type UpstreamOptions } from "./mesh/upstream";

export { nanoseconds, type Duration } from "./nomad/duration";
export type * as nomad from "./nomad/generated/job";
export {
  HealthCheck,
  type GrpcHealthCheckOptions,
  type HealthCheckOptions,
  type HttpHealthCheckOptions,
  type ScriptHealthCheckOptions,
} from "./nomad/health-check";
export { Affinity, Constraint, Spread } from "./nomad/placement";
export type { RescheduleOptions, RestartOptions, UpdateOptions } from "./nomad/policies";
export type { ExposePath, JobPlacement, ServiceJobOverride, ServiceJobProps } from "./nomad/service-job";
export { Sidecar, type DockerSidecarOptions, type ExecSidecarOptions, type SidecarOptions } from "./nomad/sidecar";
export { Template, type TemplateOptions } from "./nomad/template";
export type { TransparentProxyOptions } from "./nomad/transparent-proxy";
export { Volume, type SharedVolumeOptions, type VolumeMountOptions, type VolumeOptions } from "./nomad/volume";
export {
  Workload,
  type DockerWorkloadOptions,
  type ExecWorkloadOptions,
  type ResourceOptions,
  type TaskOptions,
} from "./nomad/workload";
