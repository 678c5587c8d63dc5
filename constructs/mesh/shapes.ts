import { HEADER_MATCH_SHAPE } from "../consul/http-permission";
import { Protocol } from "../consul/protocol";
import { ROUTE_CHANGES_SHAPE, ROUTE_MATCH_SHAPE } from "../consul/service-router";
import { SPLIT_CHANGES_SHAPE } from "../consul/service-splitter";
import { PASSIVE_HEALTH_CHECK_SHAPE, UPSTREAM_LIMITS_SHAPE, UPSTREAM_POLICY_SHAPE } from "../consul/upstream-config";
import * as is from "../core/shape";
import { GATEWAY_BLOCK_SHAPE } from "../nomad/gateway-job";
import { GROUP_SHAPE } from "../nomad/group";
import { JOB_PLACEMENT_SHAPE, JOB_SPEC_SHAPE } from "../nomad/job";
import { NETWORK_SHAPE } from "../nomad/network";
import { CONNECT_SERVICE_SHAPE } from "../nomad/service";
import { SERVICE_JOB_SHAPE } from "../nomad/service-job";

const SIDECAR = is.made("a Sidecar, such as Sidecar.docker()");
const BUILT_ON_NAMES = "Write it out: the graph is built on names.";
const ENVOY_IS_TOLD = "Write the number out: Envoy is told it when the job is rendered.";
const LISTENS = is.literal(is.number, ENVOY_IS_TOLD);
const PROTOCOL = is.literal(is.oneOf(Object.values(Protocol)), "Write it out: traffic rules depend on it.");

/** Of the props of a mesh. */
export const MESH_SHAPE = {
  ...JOB_PLACEMENT_SHAPE,
  datacenter: is.literal(is.name, BUILT_ON_NAMES),
  gatewayDatacenters: is.literal(is.list(is.name), BUILT_ON_NAMES),
  sidecar: SIDECAR,
};

/** Of the props of a service. */
export const SERVICE_SHAPE = {
  ...SERVICE_JOB_SHAPE,
  protocol: PROTOCOL,
  serviceDefaults: is.fields,
};

/** Of the props of a service in a group. */
export const GROUP_SERVICE_SHAPE = {
  ...CONNECT_SERVICE_SHAPE,
  port: is.literal(is.textOrNumber, ENVOY_IS_TOLD),
  task: is.name,
  protocol: PROTOCOL,
  serviceDefaults: is.fields,
  override: is.fields,
};

/** Of the props of a group. */
export const JOB_GROUP_SHAPE = {
  ...GROUP_SHAPE,
  ...NETWORK_SHAPE,
  groupName: is.literal(is.name, BUILT_ON_NAMES),
  tasks: is.required(is.named(is.made("a Workload, such as Workload.docker({ image })"))),
  override: is.fields,
};

/** Of the props of a job. */
export const MESH_JOB_SHAPE = { ...JOB_SPEC_SHAPE, jobName: is.literal(is.name, BUILT_ON_NAMES) };

/** Of the props of any gateway. */
export const GATEWAY_SHAPE = {
  ...GATEWAY_BLOCK_SHAPE,
  // Those of its listeners, and of a mesh gateway.
  port: LISTENS,
  wanPort: is.number,
  wanAddress: is.text,
  hostNetwork: is.text,
  peerThroughMeshGateways: is.flag,
  forwardedHeaders: is.oneOf(["replace", "append", "keep"]),
  limits: is.block(UPSTREAM_LIMITS_SHAPE),
  // Its own bootstrap takes numbers.
  passiveHealthCheck: is.block({
    ...PASSIVE_HEALTH_CHECK_SHAPE,
    interval: is.duration,
    baseEjectionTime: is.duration,
  }),
};

/** Of the options of a listener. */
export const LISTENER_SHAPE = {
  port: is.required(LISTENS),
  hostPort: LISTENS,
  hostname: is.text,
  tls: is.fields,
};

/** Of the props of a service outside the mesh. */
export const EXTERNAL_SERVICE_SHAPE = {
  address: is.required(is.name),
  port: is.required(is.number),
  protocol: PROTOCOL,
  plaintext: is.text,
  tags: is.list(is.text),
  meta: is.map(is.text),
  nodeName: is.name,
  serviceDefaults: is.fields,
};

/** Of the options of an upstream. */
export const UPSTREAM_SHAPE = {
  ...UPSTREAM_POLICY_SHAPE,
  localBindPort: LISTENS,
  localBindAddress: is.text,
  env: is.literal(is.name, "Write it out: it must be no other's."),
  datacenter: is.literal(is.name, BUILT_ON_NAMES),
  peer: is.literal(is.name, BUILT_ON_NAMES),
  meshGateway: is.oneOf(["none", "local", "remote"]),
  config: is.fields,
  override: is.fields,
};

/** Of the options of an intention. */
export const INTENTION_SHAPE = {
  permissions: is.list(is.made('an HttpPermission, such as HttpPermission.get("/v1")')),
  description: is.text,
  peer: is.literal(is.name, BUILT_ON_NAMES),
};

/** Of what a resolver is asked. */
export const RESOLVE_SHAPE = {
  connectTimeout: is.durationText,
  requestTimeout: is.durationText,
  loadBalancer: is.made("a LoadBalancer, such as LoadBalancer.random()"),
  override: is.fields,
};

/** Of a route. */
export const ROUTE_SHAPE = { ...ROUTE_CHANGES_SHAPE, match: is.block(ROUTE_MATCH_SHAPE) };

/** Of a share of the requests. */
export const SPLIT_SHAPE = { ...SPLIT_CHANGES_SHAPE, weight: is.required(is.number) };

/** Of the options of a canary. */
export const CANARY_SHAPE = {
  percent: is.required(is.number),
  header: is.either({ fits: (value) => typeof value === "string", rule: is.text }, is.block(HEADER_MATCH_SHAPE)),
};
