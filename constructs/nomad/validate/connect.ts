import { isIP } from "node:net";
import { itemsOf, known, listOf, Shown, textsOf, type Place } from "../../core/problems";
import type * as nomad from "../generated/job";
import { examineGateway } from "./gateways";
import { portsOf } from "./networks";
import { nameOf, type ServiceSurroundings } from "./service-name";

export function examineConnect(place: Place, service: nomad.Service, surroundings: ServiceSurroundings): void {
  const connect = known(service.Connect);
  if (connect === undefined) {
    examineExpose(place, service, surroundings);
    return;
  }
  const here = place.block("connect");
  const sidecar = known(connect.SidecarService);
  const gateway = known(connect.Gateway);
  const forms = [connect.Native === true, sidecar !== undefined, gateway !== undefined].filter(Boolean).length;
  if (forms !== 1) {
    const allowed = "exactly one of native, sidecar_service and gateway";
    place.refuse("connect", connect, allowed, "Keep one of them.");
  }
  if (sidecar !== undefined) {
    requireLowerCase(place, nameOf(service, surroundings), service);
    const proxy = here.block("sidecar_service").block("proxy");
    examineTransparentProxy(
      proxy.block("transparent_proxy"),
      known(sidecar.Proxy)?.TransparentProxy,
      surroundings.group,
    );
  } else if (connect.Native === true) {
    examineNative(place, service, surroundings);
  } else if (gateway !== undefined) {
    examineGateway(here.block("gateway"), gateway);
    if (known(gateway.Mesh) !== undefined) {
      place.required("port", service.PortLabel, "Name the port at which other datacenters reach the mesh gateway.");
    }
  }
  examineExpose(place, service, surroundings);
}

function requireLowerCase(place: Place, name: string, service: nomad.Service): void {
  if (name !== name.toLowerCase()) {
    place.refuse("name", name, "a name in lower case behind a sidecar", "Correct the name.", {
      comparedWith: service.Name,
      saidBy: "service-name",
    });
  }
}

function examineTransparentProxy(
  place: Place,
  given: nomad.ConsulTransparentProxy | undefined,
  group: nomad.TaskGroup,
): void {
  const proxy = known(given);
  if (proxy === undefined) {
    return;
  }
  for (const cidr of textsOf(proxy.ExcludeOutboundCIDRs)) {
    if (!isPrefix(cidr)) {
      place.refuse("exclude_outbound_cidrs", cidr, "a network such as 10.0.0.0/8", "Correct the network.");
    }
  }
  if (proxy.UID !== undefined && proxy.UID !== "") {
    requireUserId(place, "uid", proxy.UID);
  }
  for (const uid of textsOf(proxy.ExcludeUIDs)) {
    requireUserId(place, "exclude_uids", uid);
  }
  // Nomad looks up labels only among static ports.
  const labels = itemsOf(group.Networks)
    .flatMap(({ ReservedPorts }) => itemsOf(ReservedPorts))
    .map(({ Label = "" }) => Label);
  for (const port of textsOf(proxy.ExcludeInboundPorts)) {
    if (!(isWhole(port) && Number(port) <= 65_535) && !labels.includes(port)) {
      const allowed = labels.length === 0 ? "a number" : `a number, or ${listOf(labels)}`;
      place.refuse("exclude_inbound_ports", port, allowed, "Use a number, or the label of a static port.", {
        comparedWith: labels,
      });
    }
  }
  if (proxy.NoDNS !== true && itemsOf(group.Networks).some(({ DNS }) => hasDns(known(DNS)))) {
    place.refuse("no_dns", proxy.NoDNS ?? false, "true in a group whose network has a dns block", "Set no_dns.");
  }
  const connects = itemsOf(group.Services).filter(({ Connect }) => known(Connect) !== undefined);
  if (connects.length > 1) {
    place.refuse(
      "services",
      connects.map(({ Name = "" }) => Name),
      "one service with a connect block in a group with a transparent proxy",
      "Move the others to separate groups.",
    );
  }
}

function hasDns(dns: nomad.DNSConfig | undefined): boolean {
  return [dns?.Servers, dns?.Searches, dns?.Options].some((list) => (list ?? []).length > 0);
}

function requireUserId(place: Place, field: string, uid: string): void {
  if (!isWhole(uid) || Number(uid) > 65_535) {
    place.refuse(field, uid, "0 to 65535", "Use the numeric id of the user.");
  }
}

function isWhole(text: string): boolean {
  return /^\d+$/.test(text);
}

function isPrefix(text: string): boolean {
  const [, address = "", length = ""] = /^([^/%]+)\/(\d+)$/.exec(text) ?? [];
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return length === String(Number(length)) && Number(length) <= bits;
}

function examineNative(place: Place, service: nomad.Service, { group, task }: ServiceSurroundings): void {
  const { TaskName = "", PortLabel } = service;
  const tasks = itemsOf(group.Tasks).map(({ Name = "" }) => Name);
  const isInferred = tasks.length === 1 && itemsOf(group.Networks).length > 0;
  const isGiven = TaskName !== "" || task !== undefined;
  if (!isGiven && !isInferred) {
    place.refuse("task", undefined, listOf(tasks), "Set the task that speaks mutual TLS.", { comparedWith: tasks });
  }
  if (TaskName !== "" && !tasks.includes(TaskName)) {
    place.refuse("task", TaskName, listOf(tasks), "Correct the name.", { comparedWith: tasks });
  }
  place.required("port", PortLabel, "Set the port on which the task listens.");
}

/** Examines what services of the mesh require of their group. */
export function examineMeshGroup(place: Place, group: nomad.TaskGroup): void {
  for (const { Name, Connect } of itemsOf(group.Services)) {
    const connect = known(Connect);
    if (known(connect?.SidecarService) !== undefined) {
      examineNetwork(place, group, `for the sidecar of the service ${JSON.stringify(Name)}`, false);
      if (group.Name !== undefined && group.Name !== group.Name.toLowerCase()) {
        place.refuse("name", group.Name, "a name in lower case for a group with a sidecar", "Correct the name.", {
          saidBy: "service-name",
        });
      }
    } else if (connect?.Native !== true && known(connect?.Gateway) !== undefined) {
      examineNetwork(place, group, `for the gateway ${JSON.stringify(Name)}`, true);
    }
  }
  examineUpstreams(place, group);
}

function examineNetwork(place: Place, group: nomad.TaskGroup, reason: string, isHostAllowed: boolean): void {
  const networks = group.Networks ?? [];
  const mode = itemsOf(networks).at(0)?.Mode ?? "";
  const isAllowed = mode === "bridge" || mode.startsWith("cni/") || (isHostAllowed && mode === "host");
  const remarks = { comparedWith: networks, saidBy: isHostAllowed ? "gateway-network" : "bridge-mode" };
  if (networks.length !== 1) {
    const given = new Shown(networks.length === 0 ? "not set" : `there ${networks.length} times`, networks);
    place.refuse("network", given, `one network ${reason}`, "Use one network in the group.", remarks);
  } else if (!isAllowed) {
    const modes = `${isHostAllowed ? '"bridge", "host"' : '"bridge"'} or "cni/…" ${reason}`;
    place.block("network").refuse("mode", mode, modes, "Change the mode.", remarks);
  }
}

/** An exposed check requires an Envoy that Nomad starts, and the port of the service. */
function examineExpose(place: Place, service: nomad.Service, surroundings: ServiceSurroundings): void {
  const { group, task } = surroundings;
  const exposed = itemsOf(service.Checks).filter(({ Expose }) => Expose === true);
  if (task !== undefined) {
    return;
  }
  for (const check of exposed) {
    const here = place.labelled("check", check.Name);
    if (known(service.Connect?.SidecarService) === undefined) {
      here.refuse("expose", true, "false for a service without a sidecar_service", "Omit it.", {
        comparedWith: service.Connect,
      });
    } else if (["http", "grpc"].includes((check.Type ?? "").toLowerCase()) && check.Path?.startsWith("/") === true) {
      examineExposedPort(place, service.PortLabel ?? "", group);
    }
  }
}

function examineExposedPort(place: Place, label: string, group: nomad.TaskGroup): void {
  const declared = itemsOf(group.Networks)
    .flatMap(portsOf)
    .find(({ Label }) => Label === label);
  const isKnown = (declared?.Value ?? 0) > 0 || (/^\+?\d+$/.test(label) && Number(label) > 0);
  if (!isKnown) {
    place.refuse(
      "port",
      label,
      "a number, or the label of a static port, for a service with an exposed check",
      "Use the port number on which the service listens.",
      { comparedWith: group.Networks, saidBy: "port-range" },
    );
  }
}

/** Two upstreams of one group cannot listen on the same address and port. */
function examineUpstreams(place: Place, group: nomad.TaskGroup): void {
  const listeners = new Set<string>();
  for (const service of itemsOf(group.Services)) {
    for (const upstream of itemsOf(service.Connect?.SidecarService?.Proxy?.Upstreams)) {
      const { LocalBindAddress = "", LocalBindPort = 0, LocalBindSocketPath = "", DestinationName = "" } = upstream;
      const listener = LocalBindSocketPath === "" ? `${LocalBindAddress}:${LocalBindPort}` : LocalBindSocketPath;
      if (listeners.has(listener)) {
        place
          .labelled("service", service.Name)
          .labelled("upstreams", DestinationName)
          .refuse(
            LocalBindSocketPath === "" ? "local_bind_port" : "local_bind_socket_path",
            LocalBindSocketPath === "" ? LocalBindPort : LocalBindSocketPath,
            "an address on which no other upstream of the group listens",
            "Change one of the two.",
            { comparedWith: LocalBindAddress, saidBy: "local-bind-clash" },
          );
      }
      listeners.add(listener);
    }
  }
}
