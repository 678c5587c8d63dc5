// The whole public surface of the library.

export type { Check, CheckedApp, Finding } from "./checks/check";
export { CHECKS } from "./built-in-checks";
export { registerCheck } from "./checks/attach";
export type { CheckPack } from "./checks/registry";
export type { Report, ReportedFinding, ReportedSilence } from "./checks/report";
export { silence, type Silence } from "./checks/silence";

export { CaProvider, type VaultCaOptions, type VaultSecondaryCaOptions } from "./access/ca-provider";
export { MeshCertificateAuthority, type MeshCertificateAuthorityProps } from "./access/mesh-certificate-authority";
export { VaultAuth, type VaultAppRoleOptions, type VaultAwsOptions, type VaultJwtOptions } from "./access/vault-auth";
export { ConsulAclPolicy, type ConsulAclPolicyProps } from "./access/consul-acl-policy";
export type { ConsulAccess, ConsulAclRules, ConsulKeyAccess, ConsulServiceAccess } from "./consul/acl-rules";
export { AnonymousPolicy, type AnonymousPolicyOptions } from "./access/consul-anonymous-policy";
export type * as consul from "./consul/generated/config-entries";
export { ConsulDeployerPolicy, type ConsulDeployerPolicyOptions } from "./access/consul-deployer-policy";
export { ConsulEsmPolicy, type ConsulEsmPolicyOptions } from "./access/consul-esm-policy";
export { WorkloadAuthMethod, type GatewayWorkload, type TaskWorkload } from "./access/workload-auth-method";
export { EnvoyExtension, type EnvoyExtensionOptions } from "./consul/envoy-extension";
export type { AwsLambdaOptions } from "./consul/extensions/aws-lambda";
export type {
  ExtAuthzBody,
  ExtAuthzHttpService,
  ExtAuthzOptions,
  FilterPosition,
  HeaderNameMatch,
} from "./consul/extensions/ext-authz";
export type { LuaExtensionOptions } from "./consul/extensions/lua";
export type { LogRetryPolicy, LogValue, OtelAccessLoggingOptions } from "./consul/extensions/otel-access-logging";
export type {
  EnvoyFieldValue,
  EnvoyPatch,
  EnvoyResourceFilter,
  PropertyOverrideOptions,
} from "./consul/extensions/property-override";
export type {
  ExtensionGrpcService,
  ExtensionHeader,
  ExtensionListener,
  ExtensionTarget,
  HasServiceName,
  NamedService,
} from "./consul/extensions/target";
export type { WasmDownload, WasmOptions } from "./consul/extensions/wasm";
export type { RateLimit, RateLimits, RouteRateLimit } from "./consul/rate-limits";
export type { ForwardedHeaders } from "./consul/forwarded-headers";
export type { HttpRouteMatch } from "./consul/http-route";
export {
  HttpPermission,
  type HeaderMatch,
  type HttpMatch,
  type PermissionHeaderMatch,
  type PermissionMatch,
} from "./consul/http-permission";
export type { HeaderChanges } from "./consul/header-changes";
export { JwtKeys, type JwksAuthority, type JwksRetry, type RemoteJwksOptions } from "./consul/jwt-keys";
export { JwtLocation, type JwtHeaderOptions } from "./consul/jwt-location";
export type { HasProviderName, JwtClaim, JwtRequirement } from "./consul/jwt-requirement";
export {
  HashPolicy,
  LoadBalancer,
  type CookieHashPolicyOptions,
  type HashPolicyOptions,
  type LeastRequestOptions,
  type RingHashOptions,
} from "./consul/load-balancer";
export type { MeshConfig, RequestNormalization } from "./consul/mesh-config";
export { Protocol } from "./consul/protocol";
export { RolePolicies, type PolicyRole, type RolePoliciesOptions } from "./access/role-policies";
export {
  RETRY_CONDITIONS,
  type QueryMatch,
  type RetryCondition,
  type RetryOptions,
  type RouteChanges,
  type RouteMatch,
} from "./consul/service-router";
export type { SplitChanges } from "./consul/service-splitter";
export { SubsetFilter } from "./consul/subset-filter";
export type { PassiveHealthCheck, UpstreamLimits, UpstreamPolicy } from "./consul/upstream-config";
export { WELL_KNOWN_TOKENS, type TokenRole } from "./consul/well-known-tokens";
export {
  WorkloadIdentityAuthMethod,
  type TaskAccess,
  type WorkloadIdentityAuthMethodProps,
} from "./access/workload-identity-auth-method";

export { MeshError } from "./core/errors";
export type { Override, OverrideValue } from "./core/override";
export { HTTP_METHODS, type HttpMethod } from "./core/http-method";
export { synthesize } from "./synthesize";

export { ROOT_DEVICES } from "./aws/platform/disks";
export { LIFECYCLE_HOOKS, type LifecycleHook } from "./aws/platform/lifecycle-notices";
export { awsPlatform, USER_DATA_LIMIT } from "./aws/platform/platform";
export {
  federationSecretName,
  federationSecretPolicy,
  secretNames,
  secretStorePolicy,
  type AwsSecretStore,
  type IamStatement,
} from "./aws/platform/secret-store";
export { logStorePolicy, type CloudWatchLogStore } from "./aws/platform/log-store";
export { awsKmsSeal, type AwsKmsSealOptions } from "./aws/platform/kms-seal";
export { metricStorePolicy, type CloudWatchMetricStore } from "./aws/platform/metric-store";
export { snapshotStorePolicy, type BucketSnapshotStore } from "./aws/platform/snapshot-store";

export { cloudInit, type CloudInit, type CloudInitOptions, type CloudInitPart } from "./linux/cloud-init";
export type { Asset } from "./linux/assets";
export type { FederationOptions } from "./linux/federation";
export { composeHost, type HostRole } from "./linux/compose-host";
export type { Distribution } from "./linux/distribution";
export { ConsulServers, type ConsulServersProps } from "./linux/consul-servers";
export type {
  HostData,
  HostDirectory,
  HostFile,
  HostPackage,
  HostUnit,
  HostUnitRights,
  HostUser,
  HostVolume,
} from "./linux/host";
export { HostGroup, type ClusterOptions, type GroupCloudInitOptions, type HostGroupProps } from "./linux/host-group";
export type { Recovery } from "./linux/host-tool/host-tool";
export type { DirectorySnapshotStore, SnapshotOptions, SnapshotStore } from "./linux/host-tool/snapshot-store";
export {
  SECRET_DOCUMENTS,
  type DirectorySecretStore,
  type SecretDocument,
  type SecretReader,
  type SecretStore,
} from "./linux/host-tool/secret-store";
export { instanceFact } from "./linux/instance-facts";
export { NomadClients, type NomadClientsProps } from "./linux/nomad-clients";
export type { NomadVaultOptions } from "./linux/nomad-vault";
export { NomadServers, type NomadServersProps } from "./linux/nomad-servers";
export type { PackageOptions } from "./linux/packages/package-lines";
export type { Architecture, ReleaseChecksums, ReleasePackage } from "./linux/packages/checksums";
export type { HashicorpRepository } from "./linux/packages/hashicorp";
export type {
  AssetSource,
  CloudPlatform,
  CloudStore,
  CloudStoreKind,
  CloudStoreName,
  InstanceFactSource,
  UserDataLimit,
} from "./linux/platform";
export { securityGaps, type SecurityGap } from "./linux/security-releases";
export { Seal, type SealSettings } from "./linux/seal";
export { VaultServers, type VaultServersProps } from "./linux/vault-servers";
export type { VaultTls } from "./linux/vault-server";
export { checkVersions, DEFAULT_VERSIONS, type Versions } from "./linux/versions";

export { ConsulConfigEntry, type ConsulConfigEntryProps, type Dependency } from "./mesh/config-entry";
export { Connection, type ConnectOptions } from "./mesh/connection";
export {
  ApiGateway,
  type ApiGatewayBaseProps,
  type ApiGatewayConnectOptions,
  type ApiGatewayProps,
} from "./mesh/gateways/api-gateway";
export {
  ApiGatewayListener,
  type ApiGatewayHttpListenerOptions,
  type ApiGatewayJwt,
  type ApiGatewayListenerOptions,
  type ApiGatewayTls,
} from "./mesh/gateways/api-gateway-listener";
export {
  GatewayCertificate,
  type CertificateFiles,
  type CertificateReference,
  type CertificateText,
} from "./mesh/gateways/gateway-certificate";
export type { ApiGatewayRouteOptions, HttpRouteOptions, WeightedService } from "./mesh/gateways/api-gateway-route";
export {
  ExternalHealthCheck,
  type ExternalHealthCheckOptions,
  type ExternalHttpHealthCheckOptions,
} from "./mesh/gateways/external-health-check";
export {
  ExternalService,
  type ExternalInstance,
  type ExternalServiceBaseProps,
  type ExternalServiceProps,
  type ExternalTls,
} from "./mesh/gateways/external-service";
export { Gateway, type GatewayBaseProps, type InMesh } from "./mesh/gateways/gateway";
export {
  InboundGateway,
  type InboundGatewayBaseProps,
  type GatewayListener,
  type ListenerOptions,
} from "./mesh/gateways/inbound-gateway";
export {
  IngressGateway,
  type IngressConnectOptions,
  type IngressGatewayBaseProps,
  type IngressGatewayProps,
  type IngressLimits,
  type IngressRouteOptions,
} from "./mesh/gateways/ingress-gateway";
export { IngressListener, type IngressListenerOptions, type IngressTls } from "./mesh/gateways/ingress-listener";
export type { SdsCertificate, SdsServer, SdsServerTls } from "./mesh/gateways/sds";
export type { TlsVersion, TlsVersionOptions } from "./consul/tls-versions";
export { MeshGateway, type MeshGatewayBaseProps, type MeshGatewayProps } from "./mesh/gateways/mesh-gateway";
export {
  TerminatingGateway,
  type TerminatingGatewayBaseProps,
  type TerminatingGatewayProps,
} from "./mesh/gateways/terminating-gateway";
export { Intention, type DenialOptions, type IntentionOptions } from "./mesh/intention";
export { JobGroup, type CatalogServiceProps, type JobGroupProps } from "./mesh/jobs/job-group";
export { MeshJob, type MeshJobBaseProps, type MeshJobProps } from "./mesh/jobs/mesh-job";
export { ImportedMesh } from "./mesh/imported-mesh";
export type { Tenancy } from "./consul/tenancy";
export type { ImportedMeshServiceOptions } from "./mesh/imported-service";
export { JwtProvider, type JwtForwarding, type JwtProviderBaseProps, type JwtProviderProps } from "./mesh/jwt-provider";
export { Mesh } from "./mesh/mesh";
export type { IGateway, IMeshMember, IMeshService, IServiceMesh } from "./mesh/mesh-member";
export {
  MeshService,
  type GroupServiceProps,
  type MeshServiceBaseProps,
  type MeshServiceProps,
} from "./mesh/mesh-service";
export {
  meshDashboard,
  type Dashboard,
  type DashboardOptions,
  type DashboardPanel,
} from "./mesh/observability/grafana-dashboard";
export { AccessLogs, type AccessLogOptions } from "./mesh/observability/access-logs";
export {
  Metrics,
  type PrometheusMetricsOptions,
  type ServedMetricsOptions,
  type StatsdMetricsOptions,
} from "./mesh/observability/metrics";
export {
  Prometheus,
  type PrometheusBaseProps,
  type PrometheusProps,
  type PrometheusTask,
} from "./mesh/observability/prometheus";
export {
  meshRules,
  renderRules,
  type AlertingRule,
  type MeshRulesOptions,
  type RecordingRule,
  type RuleGroup,
} from "./mesh/observability/rules";
export type { AgentScrape, AgentScrapeTls, ScrapeOptions } from "./mesh/observability/scrape-config";
export { secureAgents } from "./mesh/observability/secure-agents";
export {
  Tracing,
  type OtlpTracingOptions,
  type TracingOptions,
  type ZipkinTracingOptions,
} from "./mesh/observability/tracing";
export {
  PreparedQuery,
  type PreparedQueryBaseProps,
  type PreparedQueryProps,
  type QueryFailover,
  type QueryFailoverTarget,
  type QueryTemplate,
} from "./mesh/prepared-query";
export type { ServiceDefaults } from "./mesh/service-entries";
export { ServiceInstances } from "./mesh/service-instances";
export { ServiceMesh, type ServiceMeshProps } from "./mesh/service-mesh";
export type { BlueGreenOptions } from "./mesh/traffic/blue-green";
export type { CanaryOptions } from "./mesh/traffic/canary";
export type { HasSubset, TrafficDestination } from "./mesh/traffic/destination";
export { Failover, type FailoverTarget } from "./mesh/traffic/failover";
export { Redirect, type RedirectOptions } from "./mesh/traffic/redirect";
export type { ResolveOptions, Route, Split, TrafficOwner } from "./mesh/traffic/service-traffic";
export { ServiceVersion, type ServiceVersionProps } from "./mesh/traffic/service-version";
export { Subset, type SubsetOptions } from "./mesh/traffic/subset";
export {
  SamenessGroup,
  type SamenessGroupBaseProps,
  type SamenessGroupMember,
  type SamenessGroupProps,
} from "./mesh/sameness-group";
export { WildcardDestination, type WildcardDestinationProps } from "./mesh/wildcard-destination";
export { VirtualService, type VirtualServiceBaseProps, type VirtualServiceProps } from "./mesh/traffic/virtual-service";
export { Upstream } from "./mesh/upstream";
export type { EntryKey, Need } from "./model/needs";
/** The graph of an app, as its own checks read it. */
export type * as graph from "./model/public";
export type { GatewayKind } from "./model/records";
export { MeshGatewayMode, type UpstreamOptions } from "./model/upstream-options";

export { NomadAclPolicy, type NomadAclPolicyProps } from "./access/nomad-acl-policy";
export {
  NOMAD_NAMESPACE_CAPABILITIES,
  type NomadAccess,
  type NomadAclRules,
  type NomadNamespaceAccess,
  type NomadNamespaceCapability,
  type NomadVariableCapability,
} from "./nomad/acl-rules";
export { NomadAnonymousPolicy, type NomadAnonymousPolicyOptions } from "./access/nomad-anonymous-policy";
export type { ArtifactOptions } from "./nomad/artifact";
export { NomadDeployerPolicy, type NomadDeployerPolicyOptions } from "./access/nomad-deployer-policy";
export { NomadOperatorPolicy, type NomadOperatorPolicyOptions } from "./access/nomad-operator-policy";
export { Duration, nanoseconds, type DurationLike } from "./core/duration";
export type { GatewayBlockProps, GatewayJobProps } from "./nomad/gateway-job";
export type * as nomad from "./nomad/generated/job";
export {
  HealthCheck,
  type CheckRestartOptions,
  type ExposableHealthCheckOptions,
  type GrpcHealthCheckOptions,
  type HealthCheckOptions,
  type HttpHealthCheckOptions,
  type NetworkHealthCheckOptions,
  type ScriptHealthCheckOptions,
} from "./nomad/health-check";
export type { EphemeralDiskOptions, GroupOptions, ScalingOptions } from "./nomad/group";
export type { IdentityOptions } from "./nomad/identity";
export type { JobOptions, JobOverride, JobPlacement, JobProps, JobSpec } from "./nomad/job";
export { JobKind, type ParameterizedOptions, type PeriodicOptions } from "./nomad/job-kind";
export type { LogOptions } from "./nomad/logs";
export { Dns, type DnsOptions } from "./nomad/dns";
export type { NetworkOptions } from "./nomad/network";
export {
  Affinity,
  AFFINITY_OPERATORS,
  Constraint,
  CONSTRAINT_OPERATORS,
  Spread,
  type AffinityOperator,
  type ConstraintOperator,
} from "./nomad/placement";
export type {
  DisconnectOptions,
  MigrateOptions,
  RescheduleOptions,
  RestartOptions,
  UpdateOptions,
} from "./nomad/policies";
export { Port, type PortOptions, type StaticPortOptions } from "./nomad/port";
export type { DeviceOptions, NumaOptions, ResourceOptions } from "./nomad/resources";
export type { CatalogServiceOptions, ConnectServiceOptions, ExposePath, RegistrationOptions } from "./nomad/service";
export type { ServiceJobProps } from "./nomad/service-job";
export { SIGNALS, type Signal } from "./nomad/signal";
export { Sidecar, type DockerSidecarOptions, type ExecSidecarOptions, type SidecarOptions } from "./nomad/sidecar";
export { Template, type ChangeScriptOptions, type TemplateOptions } from "./nomad/template";
export type { TransparentProxyOptions } from "./nomad/transparent-proxy";
export type { SecretOptions, VaultOptions } from "./nomad/vault";
export {
  Volume,
  type HostVolumeOptions,
  type SharedVolumeOptions,
  type VolumeMountOptions,
  type VolumeOptions,
} from "./nomad/volume";
export {
  Workload,
  type ActionOptions,
  type CsiPluginOptions,
  type DockerWorkloadOptions,
  type ExecWorkloadOptions,
  type TaskOptions,
} from "./nomad/workload";
