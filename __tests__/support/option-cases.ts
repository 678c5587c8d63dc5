import { TerraformStack } from "cdktf";
import {
  AccessLogs,
  Affinity,
  AnonymousPolicy,
  ApiGatewayListener,
  awsPlatform,
  CaProvider,
  Constraint,
  ConsulAclPolicy,
  ConsulDeployerPolicy,
  ConsulServers,
  EnvoyExtension,
  Failover,
  GatewayCertificate,
  HashPolicy,
  ExternalHealthCheck,
  HealthCheck,
  HttpPermission,
  IngressListener,
  JobKind,
  JwtKeys,
  JwtLocation,
  JwtProvider,
  LoadBalancer,
  MeshCertificateAuthority,
  MeshGatewayMode,
  MeshService,
  Metrics,
  NomadAclPolicy,
  NomadAnonymousPolicy,
  NomadClients,
  NomadDeployerPolicy,
  NomadOperatorPolicy,
  NomadServers,
  Port,
  Protocol,
  Redirect,
  RolePolicies,
  ServiceMesh,
  Sidecar,
  Spread,
  Template,
  Tracing,
  Volume,
  WildcardDestination,
  WorkloadIdentityAuthMethod,
  Workload,
  type AccessLogOptions,
  type AnonymousPolicyOptions,
  type AwsLambdaOptions,
  type EnvoyExtensionOptions,
  type ExtAuthzOptions,
  type LuaExtensionOptions,
  type OtelAccessLoggingOptions,
  type PropertyOverrideOptions,
  type WasmOptions,
  type ApiGatewayBaseProps,
  type ApiGatewayConnectOptions,
  type ApiGatewayHttpListenerOptions,
  type BlueGreenOptions,
  type CanaryOptions,
  type CatalogServiceProps,
  type CertificateFiles,
  type CertificateText,
  type ConnectOptions,
  type ConsulAclPolicyProps,
  type ConsulDeployerPolicyOptions,
  type AwsSecretStore,
  type ConsulServersProps,
  type CookieHashPolicyOptions,
  type DockerSidecarOptions,
  type DockerWorkloadOptions,
  type ExecSidecarOptions,
  type ExecWorkloadOptions,
  type ExternalHealthCheckOptions,
  type ExternalHttpHealthCheckOptions,
  type ExternalServiceBaseProps,
  type FailoverTarget,
  type GroupServiceProps,
  type GrpcHealthCheckOptions,
  type HostVolumeOptions,
  type HttpHealthCheckOptions,
  type ImportedMeshServiceOptions,
  type IngressConnectOptions,
  type IngressGatewayBaseProps,
  type IngressListenerOptions,
  type IntentionOptions,
  type JobGroupProps,
  type LeastRequestOptions,
  type MeshGatewayBaseProps,
  type MeshJobBaseProps,
  type MeshServiceBaseProps,
  type NetworkHealthCheckOptions,
  type NomadAclPolicyProps,
  type NomadAnonymousPolicyOptions,
  type NomadClientsProps,
  type NomadDeployerPolicyOptions,
  type NomadOperatorPolicyOptions,
  type NomadServersProps,
  type OtlpTracingOptions,
  type ParameterizedOptions,
  type PeriodicOptions,
  type PermissionMatch,
  type PreparedQueryBaseProps,
  type PrometheusBaseProps,
  type PrometheusMetricsOptions,
  type ServedMetricsOptions,
  type StatsdMetricsOptions,
  type RedirectOptions,
  type ResolveOptions,
  type RingHashOptions,
  type RolePoliciesOptions,
  type Route,
  type ScriptHealthCheckOptions,
  type ServiceMeshProps,
  type ServiceVersionProps,
  type SharedVolumeOptions,
  type Split,
  type StaticPortOptions,
  type SubsetOptions,
  type TaskOptions,
  type TemplateOptions,
  type TerminatingGatewayBaseProps,
  type VirtualServiceBaseProps,
  type WorkloadIdentityAuthMethodProps,
  type ZipkinTracingOptions,
  awsKmsSeal,
  Seal,
  type AwsKmsSealOptions,
  VaultAuth,
  VaultServers,
  type VaultSecondaryCaOptions,
  type VaultServersProps,
  type MeshCertificateAuthorityProps,
  type NomadVaultOptions,
  type VaultAppRoleOptions,
  type VaultAwsOptions,
  type VaultCaOptions,
  type VaultJwtOptions,
  type DenialOptions,
  type JwtHeaderOptions,
  type JwtProviderBaseProps,
  type JwtRequirement,
  type RemoteJwksOptions,
  type SamenessGroupBaseProps,
  type Tenancy,
  type WildcardDestinationProps,
} from "../../constructs";
import {
  AccessStack,
  GatewayBindingRulesStack,
  MeshStack,
  type AccessStackProps,
  type MeshStackProps,
} from "../../stacks";
import type { GatewayBindingRulesStackProps } from "../../stacks";
import { TestStack } from "./synth";
import { testApp } from "./test-app";

/** What something of the library is made from. */
export interface OptionCase {
  readonly name: string;
  /** A value of the right kind for each option that there is. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly make: (options: never) => unknown;
}

/** The compiler sees to it that no option is missing. */
export function of<Options extends object>(
  name: string,
  options: { readonly [Name in keyof Options]-?: unknown },
  make: (options: Options) => unknown,
): OptionCase {
  return { name, options, make };
}

const image = "example:1";
const workload = Workload.docker({ image });
const http = { port: 8080, protocol: Protocol.HTTP, workload };

function mesh(): ServiceMesh {
  return new ServiceMesh(new TestStack(), "mesh");
}

/** Two services, one to do something with the other. */
function services(): { readonly of: ServiceMesh; readonly web: MeshService; readonly api: MeshService } {
  const all = mesh();
  return { of: all, web: all.addService("web", http), api: all.addService("api", http) };
}

const PLACEMENT = {
  nomadDatacenters: ["dc1"],
  region: "global",
  namespace: "default",
  nodePool: "default",
  priority: 50,
  waitUntilHealthy: true,
};
const JOB = {
  ...PLACEMENT,
  kind: JobKind.service(),
  jobMeta: { a: "b" },
  description: "x",
  links: { a: "b" },
  allAtOnce: true,
};
const UPDATE = {
  maxParallel: 1,
  healthCheck: "checks",
  minHealthyTime: "1s",
  healthyDeadline: "2s",
  progressDeadline: "3s",
  autoRevert: true,
  autoPromote: true,
  canary: 1,
  stagger: "1s",
};
const RESTART = { attempts: 1, interval: "1m", delay: "1s", mode: "fail", renderTemplates: true };
const GROUP = {
  count: 1,
  update: UPDATE,
  restart: RESTART,
  reschedule: {
    attempts: 1,
    interval: "1h",
    delay: "30s",
    delayFunction: "constant",
    maxDelay: "1h",
    unlimited: false,
  },
  migrate: { maxParallel: 1, healthCheck: "checks", minHealthyTime: "1s", healthyDeadline: "2s" },
  disconnect: { lostAfter: "1m", stopOnClientAfter: "1m", replace: true, reconcile: "best_score" },
  ephemeralDisk: { sizeMib: 100, sticky: true, migrate: true },
  scaling: { min: 1, max: 2, enabled: true, policy: {} },
  shutdownDelay: "1s",
  volumes: { data: Volume.host("data") },
  constraints: [Constraint.distinctHosts()],
  affinities: [Affinity.equals("a", "b")],
  spreads: [Spread.over("a")],
  consulCluster: "default",
  groupMeta: { a: "b" },
};
const NETWORK = {
  ports: { a: Port.dynamic() },
  networkMode: "bridge",
  dns: { servers: ["192.0.2.1"], searches: ["a"], options: ["b"] },
  hostname: "a",
  cniArgs: { a: "b" },
};
const IDENTITY = {
  audience: ["a"],
  env: true,
  file: true,
  filepath: "a",
  changeMode: "noop",
  changeSignal: "SIGHUP",
  ttl: "1h",
};
const CHECK_RESTART = { limit: 1, grace: "1s", ignoreWarnings: true };
const REGISTRATION = {
  healthCheck: HealthCheck.http("/"),
  tags: ["a"],
  canaryTags: ["a"],
  meta: { a: "b" },
  canaryMeta: { a: "b" },
  addressMode: "auto",
  address: "a",
  taggedAddresses: { a: "b" },
  enableTagOverride: true,
  onUpdate: "ignore",
  checkRestart: CHECK_RESTART,
  weights: { passing: 1, warning: 1 },
  identity: IDENTITY,
  consulCluster: "default",
};
const CONNECT = {
  ...REGISTRATION,
  sidecar: Sidecar.docker(),
  connectNative: true,
  expose: [{ path: "/a", portLabel: "a", localPort: 1, protocol: "http" }],
  transparentProxy: {
    uid: "101",
    outboundPort: 1,
    excludeInboundPorts: ["a"],
    excludeOutboundPorts: [1],
    excludeOutboundCidrs: ["192.0.2.0/24"],
    excludeUids: ["1"],
    noDns: true,
  },
};
const SERVICE = {
  ...{ ...JOB, ...GROUP, ...NETWORK, ...CONNECT },
  port: 8080,
  workload,
  tasks: { log: workload },
  publish: 80,
  override: {},
};
const LUA = EnvoyExtension.lua({ script: "a" });
const LIMIT = { requestsPerSecond: 1, requestsMaxBurst: 2 };
const OUTSIDE = { serviceName: "a", protocol: Protocol.HTTP, serviceDefaults: {}, envoyExtensions: [LUA] };
const IN_CONSUL = {
  ...OUTSIDE,
  rateLimits: { ...LIMIT, routes: [{ ...LIMIT, pathExact: "/a", pathPrefix: "/", pathRegex: "a" }] },
};
const REQUIRED = { required: true, consulVersion: ">= 1", envoyVersion: ">= 1" };
const TARGET = { service: "a", uri: "127.0.0.1:1", timeout: "1s" };
const GRPC_SERVICE = { target: TARGET, authority: "a", initialMetadata: [{ key: "a", value: "b" }] };
const HEADER_NAMES = [{ exact: "a", prefix: "a", suffix: "a", contains: "a", safeRegex: "a", ignoreCase: true }];
const withExtension = (extension: EnvoyExtension) => mesh().addService("a", { ...http, envoyExtensions: [extension] });
const TASK = {
  env: { A: "b" },
  resources: {
    cpuMhz: 100,
    cores: 1,
    memoryMib: 100,
    memoryMaxMib: 100,
    secretsMib: 1,
    devices: { gpu: { count: 1, constraints: [Constraint.distinctHosts()], affinities: [Affinity.equals("a", "b")] } },
    numa: { affinity: "none", devices: ["a"] },
  },
  templates: [Template.text("x", { destination: "local/x" })],
  volumeMounts: [{ volume: "data", destination: "/a", readOnly: true, propagationMode: "private", selinuxLabel: "z" }],
  artifacts: [
    {
      source: "a",
      destination: "b",
      mode: "any",
      checksum: "c",
      options: { a: "b" },
      headers: { a: "b" },
      insecure: true,
      chown: true,
    },
  ],
  vault: {
    role: "a",
    policies: ["a"],
    namespace: "a",
    cluster: "a",
    env: true,
    disableFile: true,
    changeMode: "noop",
    changeSignal: "SIGHUP",
    allowTokenExpiration: true,
  },
  secrets: { a: { provider: "a", path: "b", config: {}, env: { a: "b" } } },
  identities: { a: IDENTITY },
  consulCluster: "default",
  actions: { a: { command: "a", args: ["b"] } },
  logs: { maxFiles: 1, maxFileSizeMib: 1, disabled: true },
  dispatchPayload: "a",
  csiPlugin: { id: "a", type: "node", mountDir: "/a", stagePublishBaseDir: "/b", healthTimeout: "1s" },
  user: "a",
  killTimeout: "1s",
  killSignal: "SIGHUP",
  shutdownDelay: "1s",
  lifecycle: { hook: "prestart", sidecar: true },
  leader: true,
  restart: RESTART,
  constraints: [Constraint.distinctHosts()],
  affinities: [Affinity.equals("a", "b")],
  meta: { a: "b" },
  override: {},
};
const SIDECAR = {
  resources: TASK.resources,
  logLevel: "info",
  concurrency: 1,
  logs: TASK.logs,
  user: "a",
  driverConfig: {},
  killSignal: "SIGHUP",
  killTimeout: "1s",
  shutdownDelay: "1s",
  env: { A: "b" },
  meta: { a: "b" },
  tags: ["a"],
  serviceMeta: { a: "b" },
  portLabel: "a",
  config: {},
  disableDefaultTcpCheck: true,
  override: {},
  serviceOverride: {},
};
const LIMITS = { maxConnections: 1, maxPendingRequests: 1, maxConcurrentRequests: 1 };
const PASSIVE = {
  interval: "1s",
  maxFailures: 1,
  enforcingConsecutive5xx: 1,
  maxEjectionPercent: 1,
  baseEjectionTime: "1s",
};
const GATEWAY = {
  ...{ ...JOB, ...GROUP },
  override: {},
  sidecar: Sidecar.docker(),
  templates: TASK.templates,
  volumeMounts: TASK.volumeMounts,
  dns: { servers: ["192.0.2.1"], searches: ["a"], options: ["b"] },
  tags: ["a"],
  meta: { a: "b" },
  serviceName: "a",
  passiveHealthCheck: PASSIVE,
  maxInboundConnections: 1,
};
const HEADERS = { add: { a: "b" }, set: { a: "b" }, remove: ["a"] };
const HEADER = { name: "a", exact: "a", prefix: "a", suffix: "a", regex: "a", present: true, invert: true };
const MATCH = { pathPrefix: "/", pathExact: "/", pathRegex: "/", methods: ["GET"], headers: [HEADER] };
const ROUTE = {
  prefixRewrite: "/",
  requestTimeout: "1s",
  idleTimeout: "1s",
  retries: { attempts: 1, on: ["5xx"], onStatusCodes: [503] },
  requestHeaders: HEADERS,
  responseHeaders: HEADERS,
};
const ROUTE_MATCH = {
  ...MATCH,
  caseInsensitive: true,
  query: [{ name: "a", exact: "b", regex: "c", present: true }],
};
const CHECK = {
  name: "a",
  interval: "1s",
  timeout: "1s",
  successBeforePassing: 1,
  failuresBeforeCritical: 1,
  failuresBeforeWarning: 1,
  checkRestart: CHECK_RESTART,
  task: "a",
  initialStatus: "passing",
  notes: "a",
  onUpdate: "ignore",
  override: {},
};
const NETWORK_CHECK = { ...CHECK, port: "a", addressMode: "host" };
const EXPOSABLE_CHECK = { ...NETWORK_CHECK, expose: true, tls: true, tlsServerName: "a", tlsSkipVerify: true };
const TLS_VERSIONS = { minVersion: "TLSv1_2", maxVersion: "TLSv1_3", cipherSuites: ["a"] };
const AGENT = {
  scheme: "https",
  port: 1,
  tls: { ca: "a", cert: "a", key: "a", serverName: "a", insecureSkipVerify: true },
  token: "a",
};

const withWorkload = (task: Workload) => mesh().addService("web", { ...http, workload: task });
const withSidecar = (sidecar: Sidecar) => mesh().addService("web", { ...http, sidecar });
const EXTERNAL_CHECK = {
  ...{ name: "a", interval: "1s", timeout: "1s", port: 1, notes: "a" },
  initialStatus: "passing" as const,
};
const withExternalCheck = (healthCheck: ExternalHealthCheck) =>
  mesh().addExternalService("e", { address: "192.0.2.1", port: 1, plaintext: "A test.", healthCheck });
const withCheck = (healthCheck: HealthCheck) => mesh().addService("web", { ...http, healthCheck });
const withVolume = (data: Volume) => mesh().addService("web", { ...http, volumes: { data } });
const withKind = (kind: JobKind) => mesh().addService("web", { ...http, kind });
const ofMesh = (props: ServiceMeshProps) => new ServiceMesh(new TestStack(), "mesh", props);
const withCa = (provider: CaProvider) => new MeshCertificateAuthority(new TestStack(), "ca", { provider });
const withVault = (auth: VaultAuth) => withCa(vaultCa({ auth }));
const vaultCa = (options: { readonly auth: VaultAuth }) =>
  CaProvider.vault({ address: "https://v", rootPkiPath: "a", intermediatePkiPath: "b", ...options });
const withBalancer = (loadBalancer: LoadBalancer) => {
  services().web.resolve({ loadBalancer });
};

const TOKEN = {
  provider: JwtProvider.fromName(new TestStack(), "provider", "a"),
  claims: [{ path: ["a"], value: "b" }],
};
const withProvider = (props: Partial<JwtProviderBaseProps>) =>
  mesh().addJwtProvider("provider", { issuer: "a", keys: JwtKeys.file("/b"), ...props });

function consulServers(): ConsulServers {
  const secretStore = { type: "directory", path: "/a" } as const;
  return new ConsulServers(new TestStack(), "servers", { join: ["192.0.2.1"], secretStore });
}

/** The constructs, their methods, and the builders. */
export const OPTION_CASES: readonly OptionCase[] = [
  of<ServiceMeshProps>(
    "a mesh",
    {
      ...PLACEMENT,
      datacenter: "dc1",
      primaryDatacenter: "dc1",
      tenancy: { partition: "default", namespace: "default" },
      gatewayDatacenters: ["dc2"],
      sidecar: Sidecar.docker(),
      proxyDefaults: {},
      meshConfig: {
        requestNormalization: {
          mergeSlashes: true,
          pathWithEscapedSlashes: "REJECT_REQUEST",
          headersWithUnderscores: "ALLOW",
          insecureDisablePathNormalization: true,
        },
        sanitizeXForwardedClientCert: true,
        incomingTls: TLS_VERSIONS,
        outgoingTls: TLS_VERSIONS,
        meshDestinationsOnly: true,
        allowEnablingPermissiveMutualTls: true,
        validateClusters: true,
        peerThroughMeshGateways: true,
        meta: { a: "b" },
      },
      gatewayAuthMethod: WorkloadIdentityAuthMethod.fromName(new TestStack(), "access"),
      metrics: [Metrics.prometheus()],
      accessLogs: AccessLogs.stdout(),
      tracing: Tracing.zipkin({ address: "192.0.2.1:9411" }),
      envoyExtensions: [LUA],
    },
    ofMesh,
  ),
  of<MeshServiceBaseProps>("a service", { ...SERVICE, ...IN_CONSUL }, (props) => mesh().addService("a", props)),
  of<MeshJobBaseProps>(
    "a job",
    {
      ...JOB,
      jobName: "a",
      update: UPDATE,
      constraints: GROUP.constraints,
      affinities: GROUP.affinities,
      spreads: GROUP.spreads,
      override: {},
    },
    (props) => mesh().addJob("a", props),
  ),
  of<JobGroupProps>(
    "a group",
    { ...GROUP, ...NETWORK, groupName: "a", tasks: { a: workload }, override: {} },
    (props) => mesh().addJob("a").addGroup("a", props),
  ),
  of<GroupServiceProps>(
    "a service of a group",
    { ...CONNECT, ...IN_CONSUL, port: "a", task: "a", override: {} },
    (props) =>
      mesh()
        .addJob("a")
        .addGroup("a", { tasks: { a: workload } })
        .addService("b", props),
  ),
  of<CatalogServiceProps>(
    "a service outside the mesh",
    { ...REGISTRATION, serviceName: "a", port: "a", provider: "consul", task: "a", override: {} },
    (props) => {
      mesh()
        .addJob("a")
        .addGroup("a", { tasks: { a: workload } })
        .addCatalogService("b", props);
    },
  ),
  of<ServiceVersionProps>("a version", { ...SERVICE, inheritConnections: true }, (props) =>
    services().api.addVersion("v2", props),
  ),
  of<PreparedQueryBaseProps>(
    "a prepared query",
    {
      queryName: "a",
      service: "a",
      failover: { nearest: 1, datacenters: ["a"], targets: [{ peer: "a", datacenter: "b" }] },
      tags: ["a"],
      onlyPassing: true,
      ignoreCheckIds: ["a"],
      nodeMeta: { a: "b" },
      serviceMeta: { a: "b" },
      near: "_agent",
      connect: true,
      dnsTtl: "1s",
      template: { regexp: "a", removeEmptyTags: true },
    },
    (props) => mesh().addPreparedQuery("q", props),
  ),
  of<VirtualServiceBaseProps>(
    "a virtual service",
    {
      serviceName: "a",
      protocol: Protocol.HTTP,
      splits: [{ to: "a", weight: 100, requestHeaders: HEADERS, responseHeaders: HEADERS }],
      routes: [{ ...ROUTE, to: "a", match: ROUTE_MATCH }],
      redirect: Redirect.to("a"),
      failover: Failover.to("a"),
      connectTimeout: "1s",
      requestTimeout: "1s",
    },
    (props) => mesh().addVirtualService("v", props),
  ),
  of<ExternalServiceBaseProps>(
    "a service outside",
    {
      ...OUTSIDE,
      address: "192.0.2.1",
      port: 1,
      instances: [{ address: "192.0.2.1", port: 1, tags: ["a"], meta: { a: "b" }, nodeName: "a" }],
      inCatalog: false,
      lambda: {
        ...{ arn: "arn:aws:lambda:eu-west-1:1:function:a", payloadPassthrough: true, invocationMode: "synchronous" },
      },
      tls: { caFile: "a", sni: "b", certFile: "c", keyFile: "d" },
      plaintext: "A test.",
      tags: ["a"],
      meta: { a: "b" },
      nodeName: "a",
      healthCheck: ExternalHealthCheck.tcp(),
      probe: true,
    },
    (props) => mesh().addExternalService("e", props),
  ),
  of<ApiGatewayBaseProps>(
    "an API gateway",
    {
      ...{ ...GATEWAY, listeners: [ApiGatewayListener.http({ port: 1 })], forwardedHeaders: "keep" },
      maxRequestHeadersKib: 8,
    },
    (props) => mesh().addApiGateway("g", props),
  ),
  of<IngressGatewayBaseProps>(
    "an ingress gateway",
    {
      ...{ ...GATEWAY, listeners: [IngressListener.http({ port: 1 })], forwardedHeaders: "keep", limits: LIMITS },
      maxRequestHeadersKib: 8,
      sdsServers: { a: { address: "a:1", tls: { caFile: "a", sni: "b", certFile: "c", keyFile: "d" }, plaintext: "" } },
    },
    (props) => mesh().addIngressGateway("g", props),
  ),
  of<TerminatingGatewayBaseProps>("a terminating gateway", { ...GATEWAY, connectTimeout: "1s" }, (props) =>
    mesh().addTerminatingGateway("g", props),
  ),
  of<MeshGatewayBaseProps>(
    "a mesh gateway",
    {
      ...GATEWAY,
      connectTimeout: "1s",
      port: 1,
      hostNetwork: "a",
      wanAddress: "a",
      wanPort: 1,
      peerThroughMeshGateways: true,
      limits: LIMITS,
    },
    (props) => mesh().addMeshGateway("g", props),
  ),
  of<PrometheusBaseProps>(
    "a Prometheus",
    {
      ...SERVICE,
      serviceName: "a",
      serviceDefaults: {},
      envoyExtensions: [LUA],
      rateLimits: LIMIT,
      workload: () => workload,
      retention: "1d",
      dataDirectory: "/a",
      diskMib: 1,
      rules: [{ name: "a", interval: "1s", rules: [{}] }],
      scrapeInterval: "1s",
      evaluationInterval: "1s",
      externalLabels: { a: "b" },
      alertmanagers: ["a:1"],
      consul: AGENT,
      nomad: AGENT,
      scrapeConfigs: [{}],
    },
    (props) => mesh().addPrometheus("p", props),
  ),
  of<ImportedMeshServiceOptions>(
    "a service of another team",
    { protocol: Protocol.HTTP, mesh: ServiceMesh.fromDatacenter(new TestStack(), "other", "dc2") },
    (options) => MeshService.fromServiceName(new TestStack(), "a", "a", options),
  ),
  of<ConnectOptions>(
    "a connection",
    {
      limits: LIMITS,
      passiveHealthCheck: PASSIVE,
      connectTimeout: "1s",
      localBindPort: 1,
      localBindAddress: "127.0.0.1",
      localBindSocketPath: "alloc/a",
      localBindSocketMode: "0666",
      preparedQuery: "a",
      env: "A",
      datacenter: "dc1",
      peer: "a",
      meshGateway: MeshGatewayMode.LOCAL,
      config: {},
      override: {},
      permissions: [HttpPermission.get()],
      description: "a",
    },
    (options) => {
      const { web, api } = services();
      return web.connectTo(api, options);
    },
  ),
  of<IntentionOptions>(
    "an intention",
    { permissions: [HttpPermission.get()], description: "a", peer: "a" },
    (options) => {
      const { web, api } = services();
      return api.allowFrom(web, options);
    },
  ),
  of<SubsetOptions>("a subset", { onlyPassing: true }, (options) => services().api.addSubset("a", "b", options)),
  of<ResolveOptions>(
    "a resolver",
    {
      defaultSubset: "a",
      connectTimeout: "1s",
      requestTimeout: "1s",
      loadBalancer: LoadBalancer.random(),
      redirect: Redirect.to("a"),
      failover: { a: Failover.to("a") },
      override: {},
    },
    (options) => {
      services().api.resolve(options);
    },
  ),
  of<Split>("a split", { to: "a", weight: 100, requestHeaders: HEADERS, responseHeaders: HEADERS }, (split) => {
    services().api.split([split]);
  }),
  of<Route>("a route", { ...ROUTE, to: "a", match: ROUTE_MATCH }, (route) => {
    services().api.route(route);
  }),
  of<CanaryOptions>("a canary", { percent: 1, header: HEADER, stable: services().api.stable }, (options) => {
    const { api } = services();
    api.canary(api.addVersion("v2", { workload }), options);
  }),
  of<BlueGreenOptions>(
    "blue and green",
    { blue: services().api.stable, green: services().api.stable, live: "blue", header: HEADER },
    (options) => {
      services().api.blueGreen(options);
    },
  ),
  of<ApiGatewayConnectOptions>(
    "a route of an API gateway",
    {
      ...ROUTE,
      hosts: ["a.example"],
      match: {
        pathPrefix: "/",
        pathExact: "/",
        pathRegex: "/",
        methods: ["GET"],
        headers: [{ name: "a", exact: "a", prefix: "a", suffix: "a", regex: "a", present: true }],
        query: ROUTE_MATCH.query,
      },
      jwt: [TOKEN],
      override: {},
      listener: 1,
      name: "a",
      permissions: [HttpPermission.get()],
      description: "a",
    },
    (options) => {
      const { of: all, api } = services();
      all.addApiGateway("g", { listeners: [ApiGatewayListener.http({ port: 1 })] }).connectTo(api, options);
    },
  ),
  of<IngressConnectOptions>(
    "a route of an ingress gateway",
    {
      listener: 1,
      hosts: ["a.example"],
      limits: LIMITS,
      passiveHealthCheck: PASSIVE,
      sds: { clusterName: "a", certResource: "b" },
      requestHeaders: HEADERS,
      responseHeaders: HEADERS,
      override: {},
      permissions: [HttpPermission.get()],
      description: "a",
    },
    (options) => {
      const { of: all, api } = services();
      all.addIngressGateway("g", { listeners: [IngressListener.http({ port: 1 })] }).connectTo(api, options);
    },
  ),
  of<ApiGatewayHttpListenerOptions>(
    "a listener of an API gateway",
    {
      port: 1,
      hostPort: 1,
      tls: { ...TLS_VERSIONS, certificates: [GatewayCertificate.files({ certFile: "a", keyFile: "b" })] },
      override: {},
      hostname: "a",
      jwt: { default: [TOKEN], override: [TOKEN] },
    },
    (options) => mesh().addApiGateway("g", { listeners: [ApiGatewayListener.http(options)] }),
  ),
  of<IngressListenerOptions>(
    "a listener of an ingress gateway",
    { port: 1, hostPort: 1, tls: { ...TLS_VERSIONS, sds: { clusterName: "a", certResource: "b" } } },
    (options) => mesh().addIngressGateway("g", { listeners: [IngressListener.http(options)] }),
  ),
  ...[
    of<CertificateFiles>("a certificate in files", { certFile: "a", keyFile: "b" }, (files) =>
      GatewayCertificate.files(files),
    ),
    of<CertificateText>("a certificate as text", { certificate: "a", privateKey: "b" }, (text) =>
      GatewayCertificate.inline(text),
    ),
  ].map((each) => ({
    ...each,
    make: (options: never) => {
      const tls = { certificates: [each.make(options) as GatewayCertificate] };
      return mesh().addApiGateway("g", { listeners: [ApiGatewayListener.http({ port: 1, tls })] });
    },
  })),
  of<DockerWorkloadOptions>(
    "a container",
    { ...TASK, image, command: "a", args: ["b"], entrypoint: ["c"], config: {} },
    (options) => withWorkload(Workload.docker(options)),
  ),
  of<ExecWorkloadOptions>("a program", { ...TASK, command: "a", args: ["b"], driver: "exec", config: {} }, (options) =>
    withWorkload(Workload.exec(options)),
  ),
  of<TaskOptions>("a task", TASK, (options) => withWorkload(Workload.driver("java", {}, options))),
  of<DockerSidecarOptions>("an Envoy in a container", { ...SIDECAR, image }, (options) =>
    withSidecar(Sidecar.docker(options)),
  ),
  of<ExecSidecarOptions>("an Envoy of the node", { ...SIDECAR, command: "a", driver: "exec" }, (options) =>
    withSidecar(Sidecar.exec(options)),
  ),
  of<ExternalHealthCheckOptions>("a check by TCP outside", EXTERNAL_CHECK, (options) =>
    withExternalCheck(ExternalHealthCheck.tcp(options)),
  ),
  of<ExternalHttpHealthCheckOptions>(
    "a check by HTTP outside",
    { ...EXTERNAL_CHECK, method: "HEAD", headers: { a: ["b"] }, tls: true, tlsSkipVerify: false },
    (options) => withExternalCheck(ExternalHealthCheck.http("/", options)),
  ),
  of<HttpHealthCheckOptions>(
    "a check by HTTP",
    { ...EXPOSABLE_CHECK, method: "GET", headers: { a: ["b"] }, body: "a" },
    (options) => withCheck(HealthCheck.http("/", options)),
  ),
  of<NetworkHealthCheckOptions>("a check by TCP", NETWORK_CHECK, (options) => withCheck(HealthCheck.tcp(options))),
  of<GrpcHealthCheckOptions>("a check by gRPC", { ...EXPOSABLE_CHECK, service: "a" }, (options) =>
    withCheck(HealthCheck.grpc(options)),
  ),
  of<ScriptHealthCheckOptions>("a check by script", { ...CHECK, args: ["a"] }, (options) =>
    withCheck(HealthCheck.script("/a", options)),
  ),
  of<TemplateOptions>(
    "a template",
    {
      destination: "local/x",
      changeMode: "noop",
      changeSignal: "SIGHUP",
      changeScript: { command: "a", args: ["b"], timeout: "1s", failOnError: true },
      env: true,
      perms: "600",
      uid: 1,
      gid: 1,
      once: true,
      errMissingKey: true,
      wait: { min: "1s", max: "2s" },
      splay: "1s",
      leftDelimiter: "<",
      rightDelimiter: ">",
      override: {},
    },
    (options) => withWorkload(Workload.docker({ image, templates: [Template.text("x", options)] })),
  ),
  of<HostVolumeOptions>(
    "a host volume",
    {
      readOnly: true,
      accessMode: "single-node-writer",
      attachmentMode: "file-system",
      perAlloc: true,
      sticky: true,
      override: {},
    },
    (options) => withVolume(Volume.host("a", options)),
  ),
  of<SharedVolumeOptions>(
    "a CSI volume",
    {
      readOnly: true,
      accessMode: "single-node-writer",
      attachmentMode: "file-system",
      perAlloc: true,
      mountOptions: { fsType: "ext4", mountFlags: ["a"] },
      override: {},
    },
    (options) => withVolume(Volume.csi("a", options)),
  ),
  of<StaticPortOptions>("a port", { to: 1, hostNetwork: "a", ignoreCollision: true }, (options) =>
    mesh().addService("web", { ...http, ports: { a: Port.static(1, options) } }),
  ),
  of<PeriodicOptions>(
    "a periodic job",
    { crons: ["@daily"], timeZone: "UTC", prohibitOverlap: true, enabled: true, type: "batch" },
    (options) => withKind(JobKind.periodic(options)),
  ),
  of<ParameterizedOptions>(
    "a parameterized job",
    { payload: "optional", metaRequired: ["a"], metaOptional: ["b"], type: "batch" },
    (options) => withKind(JobKind.parameterized(options)),
  ),
  of<PrometheusMetricsOptions>("metrics", { port: 1, hostNetwork: "a" }, (options) =>
    ofMesh({ metrics: Metrics.prometheus(options) }),
  ),
  of<StatsdMetricsOptions>("metrics for StatsD", { address: "192.0.2.1:8125", flushInterval: "1s" }, (options) =>
    ofMesh({ metrics: Metrics.statsd(options) }),
  ),
  of<StatsdMetricsOptions>("metrics for DogStatsD", { address: "192.0.2.1:8125", flushInterval: "1s" }, (options) =>
    ofMesh({ metrics: Metrics.dogstatsd(options) }),
  ),
  of<ServedMetricsOptions>("metrics in Envoy's formats", { port: 1, hostNetwork: "a" }, (options) =>
    ofMesh({ metrics: Metrics.stats(options) }),
  ),
  of<AccessLogOptions>("access logs", { json: {}, text: "a", disableListenerLogs: true }, (options) =>
    ofMesh({ accessLogs: AccessLogs.stdout(options) }),
  ),
  of<OtlpTracingOptions>(
    "tracing by OTLP",
    { address: "192.0.2.1:4317", samplePercent: 1, transport: "http", path: "/" },
    (options) => ofMesh({ tracing: Tracing.otlp(options) }),
  ),
  of<ZipkinTracingOptions>("tracing by Zipkin", { address: "192.0.2.1:9411", samplePercent: 1, path: "/" }, (options) =>
    ofMesh({ tracing: Tracing.zipkin(options) }),
  ),
  of<PermissionMatch>("a permission", { ...MATCH, pathSeparatedPrefix: "/" }, (match) => {
    const { web, api } = services();
    return web.connectTo(api, { permissions: [HttpPermission.allow(match)] });
  }),
  of<JwtRequirement>("a token", TOKEN, (token) => services().api.requireJwt(token)),
  of<JwtRequirement>("a token of some requests", TOKEN, (token) => {
    const { web, api } = services();
    return web.connectTo(api, { permissions: [HttpPermission.get().requireJwt(token)] });
  }),
  of<JwtProviderBaseProps>(
    "a JWT provider",
    {
      ...{ providerName: "a", issuer: "b", audiences: ["c"], keys: JwtKeys.file("/d"), clockSkew: "1s", cacheSize: 1 },
      ...{ locations: [JwtLocation.query("e")], forwarding: { header: "f", padded: true }, override: {} },
    },
    (props) => mesh().addJwtProvider("provider", props),
  ),
  of<JwtHeaderOptions>("a header with a token", { valuePrefix: "a", forward: true }, (options) =>
    withProvider({ locations: [JwtLocation.header("b", options)] }),
  ),
  of<RemoteJwksOptions>(
    "remote keys",
    {
      ...{ uri: "https://a", requestTimeout: "1s", cacheDuration: "1s", fetchAsynchronously: true, useSni: true },
      ...{ retry: { numRetries: 1, baseInterval: "1s", maxInterval: "2s" }, discoveryType: "STATIC" },
      ...{ authority: { file: "a", pem: "b", environmentVariable: "c" }, connectTimeout: "1s" },
    },
    (options) => withProvider({ keys: JwtKeys.remote(options) }),
  ),
  of<Tenancy>("the tenancy of another mesh", { partition: "team-a", namespace: "payments" }, (tenancy) =>
    ServiceMesh.fromTenancy(new TestStack(), "other", tenancy),
  ),
  of<SamenessGroupBaseProps>(
    "a sameness group",
    { groupName: "a", members: [{ peer: "b" }], defaultForFailover: true, includeLocal: true, partition: "c" },
    (props) => mesh().addSamenessGroup("group", props),
  ),
  of<WildcardDestinationProps>(
    "any destination",
    { mesh: mesh() },
    (props) => new WildcardDestination(mesh(), "any", props),
  ),
  of<DenialOptions>("an intention for any destination", { description: "a", peer: "b" }, (options) =>
    mesh().addWildcardDestination("any").allowFrom("web", options),
  ),
  of<LuaExtensionOptions & EnvoyExtensionOptions>(
    "a script",
    { script: "a", listener: "inbound", ...REQUIRED },
    (options) => withExtension(EnvoyExtension.lua(options)),
  ),
  of<PropertyOverrideOptions & EnvoyExtensionOptions>(
    "patches of Envoy",
    {
      ...REQUIRED,
      debug: true,
      patches: [{ resource: "cluster", direction: "outbound", services: ["a"], op: "remove", path: "/a" }],
    },
    (options) => withExtension(EnvoyExtension.propertyOverride(options)),
  ),
  of<ExtAuthzOptions & EnvoyExtensionOptions>(
    "authorization",
    {
      ...REQUIRED,
      http: {
        target: TARGET,
        pathPrefix: "/a",
        allowedHeaders: HEADER_NAMES,
        headersToAdd: [{ key: "a", value: "b" }],
        allowedUpstreamHeaders: HEADER_NAMES,
        allowedUpstreamHeadersToAppend: HEADER_NAMES,
        allowedClientHeaders: HEADER_NAMES,
        allowedClientHeadersOnSuccess: HEADER_NAMES,
        dynamicMetadataFromHeaders: HEADER_NAMES,
      },
      grpc: GRPC_SERVICE,
      listener: "inbound",
      statusOnError: 503,
      withRequestBody: { maxRequestBytes: 1, allowPartialMessage: true, packAsBytes: true },
      clearRouteCache: true,
      includePeerCertificate: true,
      metadataContextNamespaces: ["a"],
      bootstrapMetadataLabelsKey: "a",
      statPrefix: "a",
      insert: { location: "First", filterName: "a" },
    },
    (options) => withExtension(EnvoyExtension.extAuthz(options)),
  ),
  of<OtelAccessLoggingOptions & EnvoyExtensionOptions>(
    "logs by OpenTelemetry",
    {
      ...REQUIRED,
      ...GRPC_SERVICE,
      listener: "inbound",
      logName: "a",
      body: "a",
      attributes: { attribute: "b" },
      resourceAttributes: { attribute: "b" },
      bufferFlushInterval: "1s",
      bufferSizeBytes: 1,
      filterStateObjectsToLog: ["a"],
      retryPolicy: { numRetries: 1, baseInterval: "1s", maxInterval: "2s" },
    },
    (options) => withExtension(EnvoyExtension.otelAccessLogging(options)),
  ),
  of<WasmOptions & EnvoyExtensionOptions>(
    "a module",
    {
      ...REQUIRED,
      file: "/a",
      download: {
        service: "a",
        uri: "http://a/",
        sha256: "a",
        timeout: "1s",
        numRetries: 1,
        retryBaseInterval: "1s",
        retryMaxInterval: "2s",
      },
      protocol: "http",
      listener: "inbound",
      runtime: "v8",
      name: "a",
      rootId: "a",
      configuration: "a",
      vmId: "a",
      vmConfiguration: "a",
      hostEnvKeys: ["A"],
      env: { A: "b" },
      allowedCapabilities: ["a"],
    },
    (options) => withExtension(EnvoyExtension.wasm(options)),
  ),
  of<AwsLambdaOptions & EnvoyExtensionOptions>(
    "a function",
    { ...REQUIRED, arn: "a", payloadPassthrough: true, invocationMode: "synchronous" },
    (options) => withExtension(EnvoyExtension.awsLambda(options)),
  ),
  of<LeastRequestOptions>("the least request", { choiceCount: 2 }, (options) =>
    withBalancer(LoadBalancer.leastRequest(options)),
  ),
  of<RingHashOptions>("a ring", { minimumRingSize: 1, maximumRingSize: 2 }, (options) =>
    withBalancer(LoadBalancer.ringHash([HashPolicy.sourceIp()], options)),
  ),
  of<CookieHashPolicyOptions>("a hash", { terminal: true, ttl: "1s", session: true, path: "/" }, (options) =>
    withBalancer(LoadBalancer.maglev([HashPolicy.cookie("a", options)])),
  ),
  of<FailoverTarget>("a failover", { to: "a", datacenter: "dc2", peer: "a" }, (target) => {
    services().api.resolve({ failover: Failover.targets(target) });
  }),
  of<RedirectOptions>("a redirect", { datacenter: "dc2", peer: "a" }, (options) => {
    services().api.resolve({ redirect: Redirect.to("a", options) });
  }),
  of<ConsulAclPolicyProps>(
    "a policy of Consul",
    {
      name: "a",
      description: "b",
      rules: { acl: "read", key: { a: "list" }, service: { a: { policy: "read", intentions: "read" } } },
    },
    (props) => new ConsulAclPolicy(new TestStack(), "p", props),
  ),
  of<NomadAclPolicyProps>(
    "a policy of Nomad",
    {
      name: "a",
      description: "b",
      rules: {
        node: "read",
        namespace: { a: { policy: "read", capabilities: ["read-job"], variables: { "*": ["read"] } } },
      },
    },
    (props) => new NomadAclPolicy(new TestStack(), "p", props),
  ),
  of<ConsulDeployerPolicyOptions>(
    "what applies in Consul",
    { name: "a", servicePrefixes: ["a"], mesh: true, nodePrefixes: ["a"], keyPrefixes: ["a"], queryPrefixes: ["a"] },
    (options) => new ConsulDeployerPolicy(new TestStack(), "p", options),
  ),
  of<NomadDeployerPolicyOptions>(
    "what applies in Nomad",
    { name: "a", namespace: "b", hostVolumes: { a: "read" }, capabilities: ["read-job"] },
    (options) => new NomadDeployerPolicy(new TestStack(), "p", options),
  ),
  of<NomadOperatorPolicyOptions>("operators", { name: "a", exec: true }, (options) => {
    new NomadOperatorPolicy(new TestStack(), "p", options);
  }),
  of<NomadAnonymousPolicyOptions>("what Nomad shows", { namespaces: { a: "read" } }, (options) => {
    new NomadAnonymousPolicy(new TestStack(), "p", options);
  }),
  of<AnonymousPolicyOptions>("what Consul shows", { services: ["a"], nodes: ["a"] }, (options) => {
    new AnonymousPolicy(new TestStack(), "p", options);
  }),
  of<RolePoliciesOptions>(
    "roles",
    { gatewaysByNomad: true, nomadServiceName: "a", operatorKeyPrefixes: ["a"], replication: true },
    (options) => new RolePolicies(new TestStack(), "p", options),
  ),
  of<WorkloadIdentityAuthMethodProps>(
    "an auth method",
    { jwksUrl: "a", jwksCaCertificate: "b", name: "c", audience: "d", tasks: { a: { keyPrefixes: ["a"] } } },
    (props) => new WorkloadIdentityAuthMethod(new TestStack(), "p", props),
  ),
  of<MeshCertificateAuthorityProps>(
    "a certificate authority",
    {
      provider: CaProvider.consul(),
      leafCertTtl: "24h",
      intermediateCertTtl: "720h",
      rootCertTtl: "8760h",
      privateKeyType: "ec",
      privateKeyBits: 384,
    },
    (props) => new MeshCertificateAuthority(new TestStack(), "ca", props),
  ),
  of<VaultCaOptions>(
    "a certificate authority in Vault",
    {
      address: "https://vault.example.com:8200",
      auth: VaultAuth.appRole({ roleIdFile: "/a" }),
      rootPkiPath: "a",
      intermediatePkiPath: "b",
      namespace: "c",
      caFile: "/d",
      tlsServerName: "e",
    },
    (options) => withCa(CaProvider.vault(options)),
  ),
  of<VaultSecondaryCaOptions>(
    "a certificate authority in Vault, in a secondary datacenter",
    {
      address: "https://vault.example.com:8200",
      auth: VaultAuth.appRole({ roleIdFile: "/a" }),
      intermediatePkiPath: "b",
      namespace: "c",
      caFile: "/d",
      tlsServerName: "e",
    },
    (options) => withCa(CaProvider.vaultSecondary(options)),
  ),
  of<VaultAppRoleOptions>(
    "a login to Vault with AppRole",
    { roleIdFile: "/a", secretIdFile: "/b", mountPath: "c" },
    (options) => withVault(VaultAuth.appRole(options)),
  ),
  of<VaultJwtOptions>("a login to Vault with a JWT", { role: "a", tokenFile: "/b", mountPath: "c" }, (options) =>
    withVault(VaultAuth.jwt(options)),
  ),
  of<VaultAwsOptions>(
    "a login to Vault with a role of AWS",
    { role: "a", region: "b", serverIdHeader: "c", mountPath: "d" },
    (options) => withVault(VaultAuth.aws(options)),
  ),
  of<ConsulServersProps>(
    "servers of Consul",
    {
      count: 3,
      volumes: [{ name: "a", mountPoint: "/a", sizeGib: 1, owner: "root:root", mode: "0755", device: "/dev/sdf" }],
      lifecycleNotices: false,
      extra: {},
      minQuorum: 3,
      nodeMeta: { a: "b" },
      leafCertTtl: "24h",
      verifyHttpsClients: false,
      certificateNames: ["consul.example.com", "192.0.2.5"],
      platform: awsPlatform,
      join: ["192.0.2.1"],
      secretStore: { type: "directory", path: "/a" },
      datacenter: "dc1",
      federation: {
        primaryDatacenter: "dc2",
        primaryGateways: ["192.0.2.1:8443"],
        primarySecretStore: { type: "directory", path: "/a" },
      },
      nomadRegion: "global",
      versions: { consul: "1.21.5", nomad: "1.11.3", envoy: "1.34.1", cni: "1.9.1", consulCni: "1.9.3" },
      snapshots: { store: { type: "directory", path: "/a" }, everySeconds: 1, retain: 1 },
      healthMetrics: { type: "cloudwatch", namespace: "a", region: "b", endpoint: "c" },
      logs: { type: "cloudwatch-logs", group: "a", region: "b", endpoint: "c" },
      recovery: "wait",
      logLevel: "info",
      override: {},
    },
    (props) => new ConsulServers(new TestStack(), "servers", props),
  ),
  of<AwsSecretStore>(
    "a secret store on AWS",
    { type: "aws-secrets-manager", prefix: "a", region: "b", endpoint: "c" },
    (secretStore) =>
      new ConsulServers(new TestStack(), "servers", { platform: awsPlatform, join: ["192.0.2.1"], secretStore }),
  ),
  of<NomadVaultOptions>(
    "the Vault of tasks",
    {
      address: "https://vault.example.com:8200",
      caFile: "/a",
      tlsServerName: "b",
      jwtAuthBackendPath: "c",
      role: "d",
      namespace: "e",
      audience: ["f"],
      identityTtl: "1h",
    },
    (vault) => new NomadServers(new TestStack(), "servers", { consul: consulServers(), vault }),
  ),
  of<VaultServersProps>(
    "servers of Vault",
    {
      count: 3,
      volumes: [{ name: "a", mountPoint: "/a", sizeGib: 1, owner: "root:root", mode: "0755", device: "/dev/sdf" }],
      lifecycleNotices: false,
      extra: {},
      consul: consulServers(),
      join: ["192.0.2.1"],
      registration: false,
      tls: { certFile: "/a", keyFile: "/b", caFile: "/c" },
      seal: Seal.shamir(),
      ui: true,
      pluginDirectory: "/d",
      logLevel: "info",
      override: {},
    },
    (props) => new VaultServers(new TestStack(), "servers", props),
  ),
  of<AwsKmsSealOptions>("a seal by a key of AWS", { keyId: "a", region: "b", endpoint: "https://c" }, (options) => {
    const tls = { certFile: "/a", keyFile: "/b", caFile: "/c" };
    const props = { consul: consulServers(), join: ["192.0.2.1"], tls, seal: awsKmsSeal(options) };
    return new VaultServers(new TestStack(), "servers", props);
  }),
  of<NomadServersProps>(
    "servers of Nomad",
    {
      count: 3,
      volumes: [{ name: "a", mountPoint: "/a", sizeGib: 1, owner: "root:root", mode: "0755", device: "/dev/sdf" }],
      lifecycleNotices: false,
      extra: {},
      schedulerAlgorithm: "spread",
      memoryOversubscription: true,
      vault: { address: "https://vault.example.com:8200" },
      logLevel: "INFO",
      consul: consulServers(),
      join: ["192.0.2.1"],
      datacenter: "dc1",
      override: {},
    },
    (props) => new NomadServers(new TestStack(), "servers", props),
  ),
  of<NomadClientsProps>(
    "clients of Nomad",
    {
      count: 3,
      volumes: [{ name: "a", mountPoint: "/a", sizeGib: 1, owner: "root:root", mode: "0755", device: "/dev/sdf" }],
      lifecycleNotices: false,
      extra: {},
      networkInterface: "eth0",
      nodePool: "default",
      nodeClass: "a",
      meta: { a: "b" },
      rawExec: true,
      taskDns: true,
      logLevel: "INFO",
      nomad: new NomadServers(new TestStack(), "servers", { consul: consulServers() }),
      docker: true,
      consulCni: true,
      drainSeconds: 120,
      override: {},
      consulOverride: {},
    },
    (props) => new NomadClients(new TestStack(), "clients", props),
  ),
  of<AccessStackProps>(
    "a stack of access",
    {
      consulAddress: "a",
      consulDatacenter: "dc1",
      consulPrimaryDatacenter: "dc1",
      nomadAddress: "a",
      nomadRegion: "a",
      nomadNamespace: "a",
      consulAnonymous: { services: ["a"], nodes: ["a"] },
      nomadAnonymous: { namespaces: { a: "read" } },
      roles: { gatewaysByNomad: true },
      tasks: { a: { keyPrefixes: ["a"] } },
      nomadOperator: { exec: true },
      consulDeployer: { name: "a" },
      nomadDeployers: [{ namespace: "a" }],
    },
    (props) => new AccessStack(testApp(), "access", props),
  ),
  of<GatewayBindingRulesStackProps>("a stack of gateways", { consulAddress: "a", consulDatacenter: "dc1" }, (props) => {
    new GatewayBindingRulesStack(testApp(), "access", props);
  }),
  of<MeshStackProps>(
    "a stack of a mesh",
    {
      consulAddress: "a",
      consulDatacenter: "dc1",
      consulPrimaryDatacenter: "dc1",
      nomadAddress: "a",
      nomadRegion: "a",
      nomadNamespace: "a",
      nomadNodePool: "a",
      runtime: "exec",
      secure: false,
      accessRules: false,
      access: new TerraformStack(testApp(), "access"),
      mesh: {},
    },
    (props) => new MeshStack(testApp(), "mesh", props),
  ),
];
