import { AWS_LAMBDA_SHAPE } from "../consul/extensions/aws-lambda";
import { HEADER_MATCH_SHAPE } from "../consul/http-permission";
import { HEADER_CHANGES_SHAPE } from "../consul/header-changes";
import { HTTP_ROUTE_MATCH_SHAPE } from "../consul/http-route";
import { JWT_REQUIREMENTS } from "../consul/jwt-requirement";
import { MESH_CONFIG_SHAPE } from "../consul/mesh-config";
import { Protocol } from "../consul/protocol";
import { RATE_LIMITS_SHAPE } from "../consul/rate-limits";
import { TENANCY_SHAPE } from "../consul/tenancy";
import { ROUTE_CHANGES_SHAPE, ROUTE_MATCH_SHAPE } from "../consul/service-router";
import { SPLIT_CHANGES_SHAPE } from "../consul/service-splitter";
import { PASSIVE_HEALTH_CHECK_SHAPE, UPSTREAM_LIMITS_SHAPE, UPSTREAM_POLICY_SHAPE } from "../consul/upstream-config";
import * as is from "../core/shape";
import { GATEWAY_BLOCK_SHAPE, GATEWAY_JOB_SHAPE } from "../nomad/gateway-job";
import { GROUP_SHAPE } from "../nomad/group";
import { JOB_PLACEMENT_SHAPE, JOB_SPEC_SHAPE } from "../nomad/job";
import { NETWORK_SHAPE } from "../nomad/network";
import { CONNECT_SERVICE_SHAPE } from "../nomad/service";
import { SERVICE_JOB_SHAPE } from "../nomad/service-job";
import { SDS_SERVER_SHAPE, SDS_SHAPE } from "./gateways/sds";
import { DESTINATION, SUBSET } from "./traffic/destination";

const SIDECAR = is.made("a Sidecar, such as Sidecar.docker()");
const ENVOY_EXTENSIONS = is.literalList(is.made("an EnvoyExtension, such as EnvoyExtension.lua(…)"));
const SERVICE_DEFAULTS_SHAPE = {
  serviceDefaults: is.fields,
  envoyExtensions: ENVOY_EXTENSIONS,
  rateLimits: is.block(RATE_LIMITS_SHAPE),
};
const BUILT_ON_NAMES = "Use a literal name: the graph is built from names.";
const ENVOY_IS_TOLD = "Use a literal number: it is part of Envoy's configuration in the job.";
const LISTENS = is.literal(is.number, ENVOY_IS_TOLD);
export const PROTOCOL = is.literal(
  is.oneOf(Object.values(Protocol)),
  "Use a literal value: traffic rules depend on it.",
);

/** A service or gateway, or the name of one. */
export const MEMBER = is.rule(
  "a service, or its name",
  "Set it.",
  (value) => (typeof value === "string" && value !== "") || is.has(value, "serviceName"),
);

/** Shape of the props that all members of a mesh have. */
export const MEMBER_SHAPE = {
  mesh: is.required(is.like("a ServiceMesh", "memberDefaults")),
  serviceName: is.name,
};

/** Shape of the options of a service that another team owns. */
export const IMPORTED_SERVICE_SHAPE = {
  protocol: PROTOCOL,
  mesh: is.like("a mesh, such as ServiceMesh.fromDatacenter(…)", "datacenter"),
};

/** Shape of the props of a mesh. */
export const MESH_SHAPE = {
  ...JOB_PLACEMENT_SHAPE,
  proxyDefaults: is.falseOr(is.fields),
  meshConfig: is.falseOr(is.block(MESH_CONFIG_SHAPE)),
  gatewayAuthMethod: is.like("a WorkloadAuthMethod, such as the workloads of an AccessStack", "allowApiGateway"),
  metrics: is.oneOrMore(is.made("Metrics, such as Metrics.prometheus()")),
  accessLogs: is.made("AccessLogs, such as AccessLogs.stdout()"),
  tracing: is.made('Tracing, such as Tracing.otlp({ address: "10.0.0.7:4317" })'),
  envoyExtensions: ENVOY_EXTENSIONS,
  datacenter: is.literal(is.name, BUILT_ON_NAMES),
  primaryDatacenter: is.literal(is.name, BUILT_ON_NAMES),
  tenancy: is.block(TENANCY_SHAPE),
  gatewayDatacenters: is.literal(is.list(is.name), BUILT_ON_NAMES),
  sidecar: SIDECAR,
};

/** Shape of the props of a service. */
export const SERVICE_SHAPE = {
  ...SERVICE_JOB_SHAPE,
  ...MEMBER_SHAPE,
  ...SERVICE_DEFAULTS_SHAPE,
  protocol: PROTOCOL,
};

/** Shape of the props of a version of a service. */
export const VERSION_SHAPE = { ...SERVICE_JOB_SHAPE, port: LISTENS, inheritConnections: is.flag };

/** Shape of the props of a service in a group. */
export const GROUP_SERVICE_SHAPE = {
  ...CONNECT_SERVICE_SHAPE,
  group: is.fields,
  serviceName: is.name,
  port: is.literal(is.textOrNumber, ENVOY_IS_TOLD),
  task: is.name,
  protocol: PROTOCOL,
  ...SERVICE_DEFAULTS_SHAPE,
  override: is.fields,
};

/** Shape of the props of a group. */
export const JOB_GROUP_SHAPE = {
  ...GROUP_SHAPE,
  ...NETWORK_SHAPE,
  groupName: is.literal(is.name, BUILT_ON_NAMES),
  tasks: is.required(is.named(is.made("a Workload, such as Workload.docker({ image })"))),
  override: is.fields,
};

/** Shape of the props of a job. */
export const MESH_JOB_SHAPE = {
  ...JOB_SPEC_SHAPE,
  mesh: MEMBER_SHAPE.mesh,
  jobName: is.literal(is.name, BUILT_ON_NAMES),
};

// The bootstrap of a gateway contains these durations as numbers, so text that is known only to Terraform is refused.
const OF_GATEWAY = {
  ...MEMBER_SHAPE,
  passiveHealthCheck: is.block({
    ...PASSIVE_HEALTH_CHECK_SHAPE,
    interval: is.duration,
    baseEjectionTime: is.duration,
  }),
};
const OF_INBOUND_GATEWAY = {
  ...GATEWAY_JOB_SHAPE,
  ...OF_GATEWAY,
  forwardedHeaders: is.literal(is.oneOf(["replace", "append", "keep"]), "Use a literal value: routes depend on it."),
  maxRequestHeadersKib: is.literal(is.count("Use one, or omit it.", 8192), ENVOY_IS_TOLD),
};

/** Shape of the props of an API gateway. */
export const API_GATEWAY_SHAPE = {
  ...OF_INBOUND_GATEWAY,
  listeners: is.required(
    is.literalList(is.made("an ApiGatewayListener, such as ApiGatewayListener.http({ port: 8080 })")),
  ),
};

/** Shape of the props of an ingress gateway. */
export const INGRESS_GATEWAY_SHAPE = {
  ...OF_INBOUND_GATEWAY,
  listeners: is.required(is.literalList(is.made("an IngressListener, such as IngressListener.http({ port: 8080 })"))),
  limits: is.block(UPSTREAM_LIMITS_SHAPE),
  sdsServers: is.literal(is.map(is.block(SDS_SERVER_SHAPE)), "Use literal names: listeners refer to them."),
};

/** Shape of the props of a terminating gateway. */
export const TERMINATING_GATEWAY_SHAPE = { ...GATEWAY_BLOCK_SHAPE, ...OF_GATEWAY };

/** Shape of the props of a mesh gateway. */
export const MESH_GATEWAY_SHAPE = {
  ...GATEWAY_BLOCK_SHAPE,
  ...OF_GATEWAY,
  port: LISTENS,
  wanPort: is.number,
  wanAddress: is.text,
  hostNetwork: is.text,
  peerThroughMeshGateways: is.flag,
  limits: is.block(UPSTREAM_LIMITS_SHAPE),
};

/** Shape of the options of a listener. */
export const LISTENER_SHAPE = { port: is.required(LISTENS), hostPort: LISTENS };

const ROUTE_PORT = is.literal(is.number, "Use a literal number: it identifies the listener.");

/** Shape of the options of a route of an API gateway. */
export const API_GATEWAY_ROUTE_SHAPE = {
  ...ROUTE_CHANGES_SHAPE,
  hosts: is.list(is.text),
  match: is.oneOrMore(is.block(HTTP_ROUTE_MATCH_SHAPE)),
  jwt: JWT_REQUIREMENTS,
  override: is.fields,
  listener: ROUTE_PORT,
  name: is.literal(is.name, BUILT_ON_NAMES),
};

/** Shape of the options of a route of an ingress gateway. */
export const INGRESS_ROUTE_SHAPE = {
  listener: ROUTE_PORT,
  hosts: is.list(is.text),
  limits: is.block(UPSTREAM_LIMITS_SHAPE),
  requestHeaders: is.block(HEADER_CHANGES_SHAPE),
  responseHeaders: is.block(HEADER_CHANGES_SHAPE),
  passiveHealthCheck: is.block(PASSIVE_HEALTH_CHECK_SHAPE),
  sds: is.block(SDS_SHAPE),
  override: is.fields,
};

/** Shape of the services of a route, with their weights. */
export const WEIGHTED_SERVICES = is.list(is.block({ service: is.required(MEMBER), weight: is.number }));

const EXTERNAL_INSTANCE_SHAPE = {
  address: is.required(is.name),
  port: is.required(is.number),
  tags: is.list(is.text),
  meta: is.map(is.text),
  nodeName: is.name,
};

/** Shape of the props of an external service. */
export const EXTERNAL_SERVICE_SHAPE = {
  ...MEMBER_SHAPE,
  tls: is.block({ caFile: is.required(is.text), sni: is.text, certFile: is.text, keyFile: is.text }),
  address: is.name,
  port: is.number,
  instances: is.literalList(is.block(EXTERNAL_INSTANCE_SHAPE)),
  inCatalog: is.flag,
  lambda: is.block({
    ...AWS_LAMBDA_SHAPE,
    arn: is.required(is.literal(is.name, "Use a literal ARN: its region is part of the address.")),
  }),
  protocol: PROTOCOL,
  plaintext: is.text,
  tags: is.list(is.text),
  meta: is.map(is.text),
  nodeName: is.name,
  healthCheck: is.made("an ExternalHealthCheck, such as ExternalHealthCheck.tcp()"),
  probe: is.literal(is.flag, "Use a literal value."),
  serviceDefaults: is.fields,
  envoyExtensions: ENVOY_EXTENSIONS,
};

/** Shape of the options of an upstream. */
export const UPSTREAM_SHAPE = {
  ...UPSTREAM_POLICY_SHAPE,
  localBindPort: LISTENS,
  localBindAddress: is.text,
  localBindSocketPath: is.text,
  localBindSocketMode: is.text,
  preparedQuery: is.literal(is.name, BUILT_ON_NAMES),
  env: is.literal(is.name, "Use a literal value: it must be unique."),
  datacenter: is.literal(is.name, BUILT_ON_NAMES),
  peer: is.literal(is.name, BUILT_ON_NAMES),
  meshGateway: is.oneOf(["none", "local", "remote"]),
  config: is.fields,
  override: is.fields,
};

/** Shape of the options of a connection that apply to its intention. */
const GRANT_SHAPE = {
  permissions: is.list(is.made('an HttpPermission, such as HttpPermission.get("/v1")')),
  description: is.text,
};

/** Shape of the options of an intention. */
export const INTENTION_SHAPE = { ...GRANT_SHAPE, peer: is.literal(is.name, BUILT_ON_NAMES) };

/** Shape of the options of an intention that denies. */
export const DENIAL_SHAPE = { description: GRANT_SHAPE.description, peer: INTENTION_SHAPE.peer };

/** Shape of the options of a connection. */
export const CONNECTION_SHAPE = { ...UPSTREAM_SHAPE, ...GRANT_SHAPE };

/** Shape of the options of an API gateway's connection. */
export const API_GATEWAY_CONNECTION_SHAPE = { ...API_GATEWAY_ROUTE_SHAPE, ...GRANT_SHAPE };

/** Shape of the options of an ingress gateway's connection. */
export const INGRESS_CONNECTION_SHAPE = { ...INGRESS_ROUTE_SHAPE, ...GRANT_SHAPE };

const FAILOVER = is.made("a Failover, such as Failover.to(…)");

/** Shape of the options of a resolver. */
export const RESOLVE_SHAPE = {
  connectTimeout: is.durationText,
  requestTimeout: is.durationText,
  loadBalancer: is.made("a LoadBalancer, such as LoadBalancer.random()"),
  defaultSubset: is.either({ fits: (value) => typeof value === "string", rule: is.name }, SUBSET),
  redirect: is.made("a Redirect, such as Redirect.to(…)"),
  failover: is.either({ fits: is.isMade, rule: FAILOVER }, is.map(FAILOVER)),
  override: is.fields,
};

/** Shape of a route. */
export const ROUTE_SHAPE = { ...ROUTE_CHANGES_SHAPE, to: DESTINATION, match: is.block(ROUTE_MATCH_SHAPE) };

/** Shape of a split. */
export const SPLIT_SHAPE = { ...SPLIT_CHANGES_SHAPE, to: is.required(DESTINATION), weight: is.required(is.number) };

const TESTERS = is.either({ fits: (value) => typeof value === "string", rule: is.text }, is.block(HEADER_MATCH_SHAPE));

/** Shape of the options of a canary. */
export const CANARY_SHAPE = { percent: is.required(is.number), header: TESTERS, stable: SUBSET };

/** Shape of the options of a blue-green deployment. */
export const BLUE_GREEN_SHAPE = {
  blue: is.required(SUBSET),
  green: is.required(SUBSET),
  live: is.required(is.literal(is.oneOf(["blue", "green"]), "Use a literal value: the rules depend on it.")),
  header: TESTERS,
};
