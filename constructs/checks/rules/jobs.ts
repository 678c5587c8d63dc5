import { knownEntries } from "../../core/collections";
import type * as nomad from "../../nomad/generated/job";
import { problemOfRequestPath } from "../../nomad/request-path";
import { anyAddress } from "../any-address";
import { isIsolated } from "../../nomad/network";
import type { Check } from "../check";
import { instancesIn, serviceJobsIn, sidecarServicesIn } from "./records";
import { isToken } from "../../core/token";

const namedPort: Check = {
  id: "named-port",
  reason:
    "With a label, Nomad configures Envoy with the port of the node, on which nothing listens inside the allocation (Nomad GH-9907).",
  level: "error",
  *find({ graph }) {
    for (const { at, group, definition } of sidecarServicesIn(graph)) {
      const label = definition.PortLabel;
      if (label !== undefined && !isToken(label) && !/^\d+$/.test(label) && misleads(definition, group)) {
        yield {
          at,
          problem: `The port of the service ${definition.Name ?? ""} is the label "${label}".`,
          fix: "Set the number of the port on which the program listens inside the allocation.",
        };
      }
    }
  },
};

const nativePort: Check = {
  id: "native-port",
  reason:
    "Others connect to a Connect-native service at its address in Consul, which Nomad takes from a port of the node unless told otherwise.",
  level: "error",
  *find({ graph }) {
    for (const { instances, cluster, name, group, definition } of instancesIn(graph)) {
      const isReachable = cluster.intentionsFor(name).length > 0;
      const problem =
        instances.proxy === "native" && isReachable && isIsolated(group.Networks?.at(0))
          ? unreachableAddress(definition, group)
          : undefined;
      if (problem !== undefined) {
        const own = typeof instances.port === "number" ? instances.port : 8443;
        const ofGroup = `\`ports: { mesh: Port.dynamic({ to: ${own} }) }\` and \`port: "mesh"\``;
        const isOnly = graph.data.jobs.get(instances.job)?.owner !== undefined;
        yield {
          at: instances.key,
          problem: `It is Connect native, and Consul gets ${problem}.`,
          fix: isOnly ? `Set \`publish\` to ${own}, or use a group of addJob, with ${ofGroup}.` : `Use ${ofGroup}.`,
        };
      }
    }
  },
};

/** Returns the address with which Nomad registers a service, if no other node can reach its program there. */
function unreachableAddress(
  { AddressMode, Address, PortLabel }: nomad.Service,
  group: nomad.TaskGroup,
): string | undefined {
  const network = group.Networks?.at(0);
  if (AddressMode === "alloc" && network?.Mode === "bridge") {
    return "the address of the allocation, which other nodes do not reach";
  }
  const isOfNode = Address === undefined && ["auto", "host", undefined].includes(AddressMode);
  const ports = [...(network?.ReservedPorts ?? []), ...(network?.DynamicPorts ?? [])];
  const isOpen = ports.some(
    ({ Label, Value, To }) => Label === PortLabel || (String(Value) === PortLabel && (To || Value) === Value),
  );
  return isOfNode && !isOpen && PortLabel !== undefined && /^\d+$/.test(PortLabel)
    ? `the port ${PortLabel} of the node, which does not lead to its program`
    : undefined;
}

/**
 * Whether a label has a different port number on the node than inside the allocation, and Envoy is not configured with the port
 * inside.
 */
function misleads({ PortLabel, Connect }: nomad.Service, { Networks = [] }: nomad.TaskGroup): boolean {
  const port = Networks.flatMap(({ ReservedPorts = [], DynamicPorts = [] }) => [
    ...ReservedPorts,
    ...DynamicPorts,
  ]).find(({ Label }) => Label === PortLabel);
  const isSame = port !== undefined && ((port.To ?? -1) <= 0 || port.To === port.Value);
  return !isSame && Connect?.SidecarService?.Proxy?.LocalServicePort === undefined;
}

const bridgeMode: Check = {
  id: "bridge-mode",
  reason:
    "Without a network namespace of its own, a service can be reached without its Envoy, and the ports of Envoys collide.",
  level: "error",
  *find({ graph }) {
    for (const { at, group } of sidecarServicesIn(graph)) {
      if (!isIsolated(group.Networks?.[0])) {
        yield {
          at,
          problem: `The group ${group.Name ?? ""} runs on the network "${group.Networks?.[0]?.Mode ?? "host"}".`,
          fix: "Use the network mode bridge or cni/<name> for a service with a sidecar.",
        };
      }
    }
  },
};

const tcpCheck: Check = {
  id: "tcp-check-behind-sidecar",
  reason: "Only its Envoy can reach the service, so Nomad refuses a tcp check.",
  level: "error",
  *find({ graph }) {
    for (const { at, definition } of sidecarServicesIn(graph)) {
      for (const check of definition.Checks ?? []) {
        if (check.Type === "tcp") {
          yield {
            at,
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
  reason:
    "Anything on the node's bridge can then reach the service without its Envoy, and so without mutual TLS and intentions.",
  level: "error",
  *find({ graph }) {
    for (const { instances, group } of instancesIn(graph)) {
      const { port, publish, proxy, task: own } = instances;
      if (publish !== undefined || proxy === "native" || typeof port !== "number") {
        continue;
      }
      for (const task of (group.Tasks ?? []).filter(({ Name }) => own === undefined || Name === own)) {
        const found = anyAddressIn(task, port);
        if (found !== undefined) {
          yield {
            at: instances.key,
            problem: `The task ${task.Name ?? ""} listens on ${found.address} (${found.place}).`,
            fix: "Behind a sidecar, listen on 127.0.0.1. For clients outside the mesh, use `publish`.",
          };
        }
      }
    }
  },
};

/** Returns what makes a task listen on all addresses, and where it is set. */
function anyAddressIn(
  task: nomad.Task,
  port: number,
): { readonly place: string; readonly address: string } | undefined {
  for (const [name, value] of knownEntries(task.Env)) {
    // This variable lists hosts to reach without a proxy, not addresses to listen on.
    const address = name.toLowerCase() === "no_proxy" ? undefined : anyAddressOf(value, port);
    if (address !== undefined) {
      return { place: `variable ${name}`, address };
    }
  }
  const { command, entrypoint, args } = task.Config ?? {};
  for (const value of [command, entrypoint, args].flat()) {
    const address = anyAddressOf(value, port);
    if (address !== undefined) {
      return { place: `argument ${JSON.stringify(value)}`, address };
    }
  }
  return undefined;
}

function anyAddressOf(value: unknown, port: number): string | undefined {
  return typeof value === "string" ? anyAddress(value, port) : undefined;
}

const exposedPath: Check = {
  id: "exposed-path",
  reason: "Envoy exposes exactly the path, without a query: a check of any other path never passes.",
  level: "error",
  *find({ graph }) {
    for (const { at, definition } of sidecarServicesIn(graph)) {
      const checks = (definition.Checks ?? []).filter(({ Expose }) => Expose === true);
      const paths = [
        ...checks.map(({ Name = "", Path }) => ({ what: `The health check "${Name}" behind a sidecar`, path: Path })),
        ...(definition.Connect?.SidecarService?.Proxy?.Expose?.Path ?? []).map(({ Path }) => ({
          what: "An exposed path",
          path: Path,
        })),
      ];
      for (const { what, path } of paths) {
        const problem = path === undefined || isToken(path) ? undefined : problemOfRequestPath(path, false);
        if (problem !== undefined) {
          yield { at, problem: `${what} cannot pass. ${problem[0]}`, fix: problem[1] };
        }
      }
    }
  },
};

const taskName: Check = {
  id: "task-name",
  reason: "The name of a task is the name of its folder, and the names of Envoys are reserved by Nomad.",
  level: "error",
  *find({ graph }) {
    for (const { job, rendered } of serviceJobsIn(graph)) {
      for (const { Services = [], Tasks = [] } of rendered.TaskGroups ?? []) {
        const taken = new Set(
          Services.flatMap(({ Name = "", Connect }) =>
            Connect?.SidecarService === undefined ? [] : [`connect-proxy-${Name}`],
          ),
        );
        for (const { Name = "" } of Tasks) {
          if (Name === "" || Name === "alloc" || /[/\\\0]/.test(Name)) {
            yield {
              at: job.key,
              problem: `${JSON.stringify(Name)} cannot be the name of a task.`,
              fix: 'Use letters, digits and dashes; not "alloc".',
            };
          } else if (taken.has(Name)) {
            yield {
              at: job.key,
              problem: `Its group has two tasks named "${Name}".`,
              fix: "Rename the one in `tasks`; the task of a service has the name of the service.",
            };
          }
          taken.add(Name);
        }
      }
    }
  },
};

const duplicateUpstream: Check = {
  id: "duplicate-upstream",
  reason: "Consul refuses to register a sidecar with two upstreams of the same name, and the service fails.",
  level: "error",
  *find({ graph }) {
    for (const { at, definition } of sidecarServicesIn(graph)) {
      const upstreams = definition.Connect?.SidecarService?.Proxy?.Upstreams ?? [];
      if (new Set(upstreams.map(({ DestinationName }) => DestinationName)).size === upstreams.length) {
        continue;
      }
      const seen = new Set<string>();
      for (const upstream of upstreams) {
        const key = destinationOf(upstream);
        if (seen.has(key)) {
          yield {
            at,
            problem: `The upstream ${upstream.DestinationName ?? ""} is in its job twice.`,
            fix: "Change the override that adds it.",
          };
        }
        seen.add(key);
      }
    }
  },
};

/** The fields by which Consul distinguishes upstreams. */
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
  reason: "Labels of ports are unique in a group, and Envoy exposes one path per port.",
  level: "error",
  *find({ graph }) {
    for (const { job, rendered } of serviceJobsIn(graph)) {
      for (const { Networks = [], Services = [] } of rendered.TaskGroups ?? []) {
        const labels = Networks.flatMap(({ ReservedPorts = [], DynamicPorts = [] }) =>
          [...ReservedPorts, ...DynamicPorts].map(({ Label }) => Label),
        );
        const twice = firstTwice(labels);
        if (twice !== undefined) {
          yield {
            at: job.key,
            problem: `Two ports of its group have the label "${twice}".`,
            fix: "Use a different portLabel for each path of `expose`.",
          };
        }
        const shared = firstTwice(
          Services.flatMap(({ Connect }) =>
            (Connect?.SidecarService?.Proxy?.Expose?.Path ?? []).map(({ ListenerPort }) => ListenerPort),
          ),
        );
        if (shared !== undefined && shared !== twice) {
          yield {
            at: job.key,
            problem: `Two exposed paths share the port "${shared}", and Envoy exposes one path per port.`,
            fix: "Use a different portLabel for each path of `expose`.",
          };
        }
      }
    }
  },
};

function firstTwice<T>(list: readonly T[]): T | undefined {
  return list.find((item, index) => list.indexOf(item) !== index);
}

export const jobChecks: readonly Check[] = [
  namedPort,
  nativePort,
  bridgeMode,
  tcpCheck,
  exposedPath,
  taskName,
  duplicateUpstream,
  duplicatePortLabel,
  allInterfaces,
];
