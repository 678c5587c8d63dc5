import { Token } from "cdktf";
import type { ServiceJob } from "../../mesh/service-job";
import type * as nomad from "../../nomad/generated/job";
import type { Check, CheckedApp } from "../check";

const namedPort: Check = {
  id: "named-port",
  reason:
    "With a label Nomad tells Envoy the node's port, on which nothing listens inside the allocation (Nomad GH-9907).",
  level: "error",
  *find(app) {
    for (const { service, definition } of sidecarServicesOf(app)) {
      const label = definition.PortLabel;
      if (label !== undefined && !Token.isUnresolved(label) && !/^\d+$/.test(label)) {
        yield {
          construct: service,
          problem: `The port of the service ${definition.Name ?? ""} is the label "${label}".`,
          fix: "Give the number on which the program listens inside its allocation.",
        };
      }
    }
  },
};

const bridgeMode: Check = {
  id: "bridge-mode",
  reason:
    "Outside a network namespace of its own, a service is reached past its Envoy, and two Envoys take each other's ports.",
  level: "error",
  *find(app) {
    for (const { service, group } of sidecarServicesOf(app)) {
      const mode = group.Networks?.[0]?.Mode;
      if (mode !== "bridge" && mode?.startsWith("cni/") !== true) {
        yield {
          construct: service,
          problem: `The group ${group.Name ?? ""} runs on the network "${mode ?? "host"}".`,
          fix: "A service with a sidecar needs the mode bridge, or cni/<name>.",
        };
      }
    }
  },
};

const tcpCheck: Check = {
  id: "tcp-check-behind-sidecar",
  reason: "The service listens where only its Envoy reaches it, so Nomad refuses a tcp check of it.",
  level: "error",
  *find(app) {
    for (const { service, definition } of sidecarServicesOf(app)) {
      for (const check of definition.Checks ?? []) {
        if (check.Type === "tcp") {
          yield {
            construct: service,
            problem: `The health check "${check.Name ?? ""}" opens a tcp connection to a service behind a sidecar.`,
            fix: "Use HealthCheck.http or .grpc, which pass through Envoy, or .script, which runs in the task.",
          };
        }
      }
    }
  },
};

const allInterfaces: Check = {
  id: "bound-to-all-interfaces",
  reason: "Whoever is on the node's bridge then reaches the service past its Envoy, without mutual TLS or intention.",
  level: "error",
  *find({ meshes }) {
    for (const service of meshes.flatMap((mesh) => mesh.serviceJobs)) {
      if (service.props.publish !== undefined || service.props.connectNative === true) {
        continue;
      }
      for (const task of service.renderJob().TaskGroups?.flatMap((group) => group.Tasks ?? []) ?? []) {
        const place = placeOfAnyAddress(task);
        if (place !== undefined) {
          yield {
            construct: service,
            problem: `The task ${task.Name ?? ""} is told to listen on 0.0.0.0 (${place}).`,
            fix: "Behind a sidecar, listen on 127.0.0.1; a port for those outside the mesh is `publish`.",
          };
        }
      }
    }
  },
};

/** The variable or argument that says 0.0.0.0. */
function placeOfAnyAddress(task: nomad.Task): string | undefined {
  const isAnyAddress = (value: unknown): boolean =>
    typeof value === "string" && /(^|[^\d.])0\.0\.0\.0($|[^\d.])/.test(value);
  const variable = Object.entries(task.Env ?? {}).find(([, value]) => isAnyAddress(value));
  if (variable !== undefined) {
    return `variable ${variable[0]}`;
  }
  const args = task.Config?.args;
  const argument = (Array.isArray(args) ? (args as unknown[]) : []).find(isAnyAddress);
  return argument === undefined ? undefined : `argument ${JSON.stringify(argument)}`;
}

const duplicateUpstream: Check = {
  id: "duplicate-upstream",
  reason:
    "Consul refuses to register an Envoy that has an upstream twice, and the service goes down.",
  level: "error",
  *find(app) {
    for (const { service, definition } of sidecarServicesOf(app)) {
      const seen = new Set<string>();
      for (const upstream of definition.Connect?.SidecarService?.Proxy?.Upstreams ?? []) {
        const key = destinationOf(upstream);
        if (seen.has(key)) {
          yield {
            construct: service,
            problem: `The upstream ${upstream.DestinationName ?? ""} is in its job twice.`,
            fix: "Change the override that makes it so.",
          };
        }
        seen.add(key);
      }
    }
  },
};

/** What Consul tells an upstream apart by. */
function destinationOf(upstream: nomad.ConsulUpstream): string {
  const { DestinationType, DestinationPartition, DestinationNamespace, DestinationPeer, DestinationName, Datacenter } =
    upstream;
  return JSON.stringify(
    [DestinationType, DestinationPartition, DestinationNamespace, DestinationPeer, DestinationName, Datacenter].map(
      (part) => part ?? "",
    ),
  );
}

const duplicatePortLabel: Check = {
  id: "duplicate-port-label",
  reason: "Nomad knows a port of a group by its label, and Envoy opens one path at a port.",
  level: "error",
  *find({ meshes }) {
    for (const service of meshes.flatMap((mesh) => mesh.serviceJobs)) {
      for (const { Networks = [] } of service.renderJob().TaskGroups ?? []) {
        const labels = Networks.flatMap(({ ReservedPorts = [], DynamicPorts = [] }) => [
          ...ReservedPorts,
          ...DynamicPorts,
        ]);
        const twice = labels.find(({ Label }, index) => labels.findIndex((other) => other.Label === Label) !== index);
        if (twice !== undefined) {
          yield {
            construct: service,
            problem: `Two ports of its group have the label "${twice.Label ?? ""}".`,
            fix: "Give each path of `expose` a portLabel of its own.",
          };
        }
      }
    }
  },
};

function* sidecarServicesOf({ meshes }: CheckedApp): Iterable<{
  service: ServiceJob;
  group: nomad.TaskGroup;
  definition: nomad.Service;
}> {
  for (const service of meshes.flatMap((mesh) => mesh.serviceJobs)) {
    for (const group of service.renderJob().TaskGroups ?? []) {
      for (const definition of group.Services ?? []) {
        if (definition.Connect?.SidecarService !== undefined) {
          yield { service, group, definition };
        }
      }
    }
  }
}

export const jobChecks: readonly Check[] = [
  namedPort,
  bridgeMode,
  tcpCheck,
  duplicateUpstream,
  duplicatePortLabel,
  allInterfaces,
];
