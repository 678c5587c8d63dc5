import type * as nomad from "../constructs/nomad/generated/job";
import type { Port } from "../constructs/nomad/port";
import {
  renderCatalogService,
  renderConnectService,
  type CatalogServiceOptions,
  type ConnectServiceOptions,
} from "../constructs/nomad/service";
import { checkOf, checkRestartOf, portOf } from "./check";
import { evaluate, Name, type Fields } from "./code";
import { overrideFor } from "./difference";
import { completeSidecarTask, sidecarOf } from "./sidecar";
import { entries, identity, items, set, unless } from "./values";

/** Protocols that a proxy's configuration can name. */
const PROTOCOLS: Readonly<Record<string, Name>> = {
  tcp: new Name("Protocol.TCP"),
  http: new Name("Protocol.HTTP"),
  http2: new Name("Protocol.HTTP2"),
  grpc: new Name("Protocol.GRPC"),
};

/** A service of a group. */
export interface ServiceCode {
  readonly name: string;
  readonly options: Fields;
}

/** Whether a service has a sidecar or is Connect native, so that it is a service of the mesh. */
export function isInMesh({ Connect }: nomad.Service): boolean {
  return Connect?.Native === true || Connect?.SidecarService !== undefined;
}

/** The name with which Nomad registers a service, as far as it depends on the job only. */
export function serviceName({ Name }: nomad.Service, job: nomad.Job, group: nomad.TaskGroup): string {
  const [jobName, groupName] = [job.Name ?? "", group.Name ?? ""];
  const values: Readonly<Record<string, string>> = {
    ...{ JOB: jobName, TASKGROUP: groupName, BASE: `${jobName}-${groupName}` },
    ...{ NOMAD_JOB_NAME: jobName, NOMAD_JOB_ID: job.ID ?? "", NOMAD_GROUP_NAME: groupName },
  };
  return (set(Name) ?? `${jobName}-${groupName}`).replace(/\$\{(\w+)\}/g, (text, variable: string) =>
    Object.hasOwn(values, variable) ? values[variable] : text,
  );
}

/** The protocol that the proxy's configuration names; `undefined` if the file does not tell it. */
export function protocolOf(service: nomad.Service): Name | undefined {
  const protocol = service.Connect?.SidecarService?.Proxy?.Config?.protocol;
  return typeof protocol === "string" ? protocolNamed(protocol) : undefined;
}

/** A protocol as the library has it; `undefined` for a name that Consul does not know. */
export function protocolNamed(protocol: string): Name | undefined {
  return Object.hasOwn(PROTOCOLS, protocol) ? PROTOCOLS[protocol] : undefined;
}

/**
 * A service of the mesh.
 *
 * @param ports of its group
 * @param isRunning whether the job runs: Nomad replaces its instances if anything of the block of its Envoy differs, even from nothing to
 *   the defaults
 */
export function meshServiceOf(service: nomad.Service, name: string, ports: Fields, isRunning = false): ServiceCode {
  const { Connect: connect = {}, TaskName } = service;
  const { SidecarService: sidecar } = connect;
  const [port, task] = [portOf(service.PortLabel), set(TaskName)];
  const target = { serviceName: name, port, task, sidecar: sidecar !== undefined };
  const complete = completeSidecarTask(connect.SidecarTask);
  const proxy = sidecar?.Proxy;
  const exposed = proxy?.Expose?.Paths ?? proxy?.Expose?.Path ?? [];
  const evaluatedPorts = evaluate(ports) as Readonly<Record<string, Port>>;
  const inside =
    typeof port === "string" ? (Object.hasOwn(evaluatedPorts, port) ? evaluatedPorts[port].to : undefined) : port;
  const options: Fields = {
    port,
    protocol: protocolOf(service),
    task,
    connectNative: set(connect.Native),
    ...registrationOf(service, target),
    expose: items(exposed)?.map((path) => ({
      path: path.Path ?? "",
      portLabel: path.ListenerPort ?? "",
      localPort: unless(path.LocalPathPort, ...(inside === undefined ? [] : [inside])),
      protocol: unless(set(path.Protocol), "http"),
    })),
    transparentProxy: proxy?.TransparentProxy && transparentProxyOf(proxy.TransparentProxy),
    sidecar: sidecar && sidecarOf(complete, sidecar),
  };
  const rendered = renderConnectService(evaluate(options) as ConnectServiceOptions, {
    ...{ serviceName: name, port, ports: evaluatedPorts, task },
    upstreams: proxy?.Upstreams ?? [],
  });
  const wanted: nomad.Service = {
    ...withDefaults(service, name, rendered),
    Connect: {
      ...connect,
      SidecarTask: isRunning ? connect.SidecarTask : sidecar && complete,
      SidecarService: sidecar && {
        ...sidecar,
        Proxy: { ...proxy, Expose: exposed.length === 0 ? undefined : { Path: exposed } },
      },
    },
  };
  return { name, options: { ...options, override: overrideFor(rendered, wanted) } };
}

/** A service outside the mesh. */
export function catalogServiceOf(service: nomad.Service, name: string): ServiceCode {
  const [port, task] = [portOf(service.PortLabel), set(service.TaskName)];
  const target = { serviceName: name, port, task, sidecar: false };
  const options: Fields = {
    port,
    provider: unless(set(service.Provider), "consul"),
    task,
    ...registrationOf(service, target),
  };
  const rendered = renderCatalogService(name, evaluate(options) as CatalogServiceOptions);
  return { name, options: { ...options, override: overrideFor(rendered, withDefaults(service, name, rendered)) } };
}

/** A service as it is to be rendered. Each check expresses its own fields. */
function withDefaults(service: nomad.Service, name: string, rendered: nomad.Service): nomad.Service {
  return { ...service, Name: name, Provider: set(service.Provider) ?? "consul", Checks: rendered.Checks };
}

function registrationOf(service: nomad.Service, target: Parameters<typeof checkOf>[1]): Fields {
  const checks = items(service.Checks)?.map((check) => checkOf(check, target));
  const { Weights } = service;
  return {
    tags: items(service.Tags),
    canaryTags: items(service.CanaryTags),
    meta: entries(service.Meta),
    canaryMeta: entries(service.CanaryMeta),
    addressMode: unless(set(service.AddressMode), "auto"),
    address: set(service.Address),
    taggedAddresses: entries(service.TaggedAddresses),
    enableTagOverride: set(service.EnableTagOverride),
    onUpdate: set(service.OnUpdate),
    checkRestart: service.CheckRestart && checkRestartOf(service.CheckRestart),
    weights: Weights && { passing: Weights.Passing, warning: Weights.Warning },
    identity: service.Identity && identity(service.Identity),
    consulCluster: unless(set(service.Cluster), "default"),
    healthCheck: checks?.length === 1 ? checks[0] : checks,
  };
}

function transparentProxyOf(proxy: nomad.ConsulTransparentProxy): Fields {
  return {
    uid: set(proxy.UID),
    outboundPort: set(proxy.OutboundPort),
    excludeInboundPorts: items(proxy.ExcludeInboundPorts),
    excludeOutboundPorts: items(proxy.ExcludeOutboundPorts),
    excludeOutboundCidrs: items(proxy.ExcludeOutboundCIDRs),
    excludeUids: items(proxy.ExcludeUIDs),
    noDns: set(proxy.NoDNS),
  };
}
