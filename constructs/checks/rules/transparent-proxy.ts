import { itemsOf, known, textsOf } from "../../core/problems";
import { isToken } from "../../core/token";
import type * as nomad from "../../nomad/generated/job";
import { isUserId, userOf } from "../../nomad/transparent-proxy";
import type { Check } from "../check";
import type { Snapshot } from "../../model/snapshot";
import { sidecarServicesIn, type SidecarService } from "./records";

/** The user of Envoy's image, and Nomad's default for the traffic that is not redirected. */
const ENVOY_UID = "101";

interface TransparentService extends SidecarService {
  readonly proxy: nomad.ConsulTransparentProxy;
}

function transparentServicesIn(graph: Snapshot): TransparentService[] {
  return sidecarServicesIn(graph).flatMap((service) => {
    const proxy = known(service.definition.Connect?.SidecarService?.Proxy?.TransparentProxy);
    return proxy === undefined ? [] : [{ ...service, proxy }];
  });
}

const user: Check = {
  id: "transparent-proxy-user",
  reason: "Only the traffic of the user that runs Envoy is not redirected to Envoy.",
  level: "error",
  *find({ graph }) {
    for (const { at, group, definition, proxy } of transparentServicesIn(graph)) {
      const task = known(definition.Connect?.SidecarTask) ?? {};
      const envoy = userOf(task);
      const excluded = proxy.UID ?? ENVOY_UID;
      if (isToken(excluded) || isToken(envoy)) continue;
      if (envoy !== undefined && envoy !== excluded && (isUserId(envoy) || proxy.UID === undefined)) {
        yield {
          at,
          problem: `Its Envoy runs as the user ${shown(envoy)}, but the traffic of the user ${excluded} is not redirected. Envoy's own traffic would be sent back to it.`,
          fix: "Set `transparentProxy.uid` to the numeric id of the user that runs Envoy.",
        };
      }
      for (const other of itemsOf(group.Tasks)) {
        const own = userOf(other);
        if (own !== undefined && !isToken(own) && (own === excluded || own === envoy)) {
          yield {
            at,
            problem: `The task ${other.Name ?? ""} runs as the user ${shown(own)}, like its Envoy, so its traffic bypasses Envoy and the mesh.`,
            fix: "Set another `user`, or a driver with another user: exec runs tasks as nobody, raw_exec as root.",
          };
        }
      }
    }
  },
};

function shown(id: string): string {
  return { 0: "0 (root)", 65534: "65534 (nobody)" }[id] ?? id;
}

const dns: Check = {
  id: "transparent-proxy-dns",
  reason: "With transparent proxy, Nomad makes Consul the name server of tasks, but not with the driver raw_exec.",
  level: "warning",
  *find({ graph }) {
    for (const { at, group, proxy } of transparentServicesIn(graph)) {
      const tasks = itemsOf(group.Tasks).filter(({ Driver }) => Driver === "raw_exec");
      if (proxy.NoDNS === true || tasks.length === 0) continue;
      yield {
        at,
        problem: `The task ${tasks[0]?.Name ?? ""} has the driver raw_exec, so it cannot resolve names such as api.virtual.consul.`,
        fix: "Use Workload.docker, or Workload.exec with the driver exec. If it needs no such names, set `transparentProxy.noDns`.",
      };
    }
  },
};

const healthCheck: Check = {
  id: "transparent-proxy-check",
  reason: "Inbound traffic is redirected to Envoy, which accepts only mutual TLS, so the health check never passes.",
  level: "error",
  *find({ graph }) {
    for (const { at, group, definition, proxy } of transparentServicesIn(graph)) {
      for (const { Name = "", Type, Expose, PortLabel } of itemsOf(definition.Checks)) {
        const label = PortLabel ?? definition.PortLabel;
        if (!["http", "grpc"].includes(Type ?? "") || Expose === true || label === undefined || isToken(label))
          continue;
        if (!bypasses(label, group, proxy)) {
          yield {
            at,
            problem: `The health check "${Name}" connects to the port ${label} directly, and transparent proxy redirects it to Envoy.`,
            fix: "Add the number of the port inside the allocation to `transparentProxy.excludeInboundPorts`, or omit `port` and `expose` of the check, so that Envoy exposes its path.",
          };
        }
      }
    }
  },
};

/** Whether others reach a port without Envoy: static ports always, others if they are excluded by their number in the allocation. */
function bypasses(label: string, { Networks }: nomad.TaskGroup, proxy: nomad.ConsulTransparentProxy): boolean {
  const networks = itemsOf(Networks);
  const isStatic = networks.flatMap(({ ReservedPorts }) => itemsOf(ReservedPorts)).some((port) => port.Label === label);
  const dynamic = networks.flatMap(({ DynamicPorts }) => itemsOf(DynamicPorts)).find((port) => port.Label === label);
  const inside = dynamic === undefined ? label : String(dynamic.To ?? "");
  return isStatic || textsOf(proxy.ExcludeInboundPorts).some((port) => isToken(port) || port === inside);
}

export const transparentProxyChecks: readonly Check[] = [user, dns, healthCheck];
