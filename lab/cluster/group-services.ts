import { proxyServiceOf } from "../../constructs/nomad/inbound-gateway-job";
import type { Service, TaskGroup } from "./engine-answers";
import type { ServiceStatus, UpstreamStatus } from "./job-status";

export function upstreamsOf({ Name, Services }: TaskGroup): UpstreamStatus[] {
  return (Services ?? []).flatMap((service) =>
    (service.Connect?.SidecarService?.Proxy?.Upstreams ?? []).map((upstream) => ({
      source: service.Name,
      group: Name,
      destination: upstream.DestinationName,
      ...(upstream.DestinationPeer && { peer: upstream.DestinationPeer }),
      ...(upstream.Datacenter && { datacenter: upstream.Datacenter }),
      ...(upstream.DestinationType === "prepared_query" && { isQuery: true }),
      localPort: upstream.LocalBindPort,
      ...(upstream.LocalBindSocketPath && { socketPath: upstream.LocalBindSocketPath }),
    })),
  );
}

export function servicesOf({ Name: group, Services }: TaskGroup): ServiceStatus[] {
  const proxyServices = (Services ?? []).filter(isGateway).map(({ Name }) => proxyServiceOf(Name));
  return (Services ?? [])
    .filter((it) => !isGateway(it) && !proxyServices.includes(it.Name))
    .map(({ Name: name, PortLabel, Connect }) => ({
      ...{ name, group },
      isDestination: Boolean(PortLabel) && Boolean(Connect?.SidecarService ?? Connect?.Native),
      ...(Connect?.SidecarService?.Proxy?.TransparentProxy && { isTransparent: true }),
    }));
}

export function isMeshGateway({ Services }: TaskGroup): boolean {
  return (Services ?? []).some(({ Connect }) => Boolean(Connect?.Gateway?.Mesh));
}

export function isGateway({ Kind, Connect }: Service): boolean {
  return (Kind ?? "").endsWith("-gateway") || Boolean(Connect?.Gateway);
}
