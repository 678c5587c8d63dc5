import type * as consul from "../consul/generated/config-entries";
import { Protocol } from "../consul/protocol";
import { tenancyFields } from "../consul/tenancy";
import { renderUpstreamPolicy } from "../consul/upstream-config";
import type { UpstreamRecord } from "../model/records";
import type { Snapshot } from "../model/snapshot";
import { addressOf, isBound, upstreamName } from "../model/upstream";
import type * as nomad from "../nomad/generated/job";
import { overridden } from "../nomad/override";
import type { ServiceJobConnections } from "../nomad/service-job";

/** Upstreams and environment variables that the graph adds to instances. @param key key of the record of the instances */
export function connectionsOf(graph: Snapshot, key: string): Pick<ServiceJobConnections, "upstreams" | "env"> {
  const { upstreams, cluster } = graph.waysOf(key);
  const counts = new Map<string, number>();
  for (const { destination } of upstreams) {
    const name = upstreamName(destination);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return {
    upstreams: upstreams
      .filter(isBound)
      .map((upstream) => renderUpstream(upstream, graph.destinationOf(cluster, upstream)?.protocol)),
    env: Object.fromEntries(
      upstreams.flatMap((upstream) => {
        const { env } = upstream.options;
        const isOnly = counts.get(upstreamName(upstream.destination)) === 1;
        const protocol = graph.destinationOf(cluster, upstream)?.protocol;
        return env === undefined ? [] : [[env, environmentValue(upstream, isOnly, protocol)]];
      }),
    ),
  };
}

/** An item of Nomad's upstreams block. */
function renderUpstream(
  { destination, localBindPort, options }: UpstreamRecord,
  protocol: Protocol | undefined,
): nomad.ConsulUpstream {
  const isQuery = destination.query !== undefined;
  const rendered: nomad.ConsulUpstream = {
    DestinationName: upstreamName(destination),
    DestinationType: isQuery ? "prepared_query" : undefined,
    DestinationPeer: destination.peer,
    ...(destination.tenancy && {
      DestinationNamespace: destination.tenancy.namespace,
      DestinationPartition: destination.tenancy.partition,
    }),
    Datacenter: destination.datacenter,
    LocalBindAddress: options.localBindAddress,
    LocalBindPort: localBindPort,
    LocalBindSocketPath: options.localBindSocketPath,
    LocalBindSocketMode: options.localBindSocketMode,
    MeshGateway: options.meshGateway && { Mode: options.meshGateway },
    // Consul finds the protocol of a service by its name, and that of a query only here.
    Config: isQuery && protocol !== undefined ? { protocol, ...options.config } : options.config,
  };
  return overridden(rendered, options.override, `the upstream ${destination.service}`);
}

/**
 * The settings of an upstream in the `service-defaults` of the source. They are there and not in the job because they then apply with
 * a transparent proxy too, and a change needs no new version of the job.
 */
export function renderUpstreamDefaults({ destination, options }: UpstreamRecord): consul.UpstreamConfig | undefined {
  const { limits, passiveHealthCheck, connectTimeout } = options;
  return limits === undefined && passiveHealthCheck === undefined && connectTimeout === undefined
    ? undefined
    : {
        ...{ Name: destination.service, Peer: destination.peer, ...tenancyFields(destination.tenancy) },
        ...renderUpstreamPolicy(options),
      };
}

/**
 * The value of the environment variable that `env` names.
 *
 * @param isOnly whether no other upstream of the job has this destination name, such as one in another datacenter: Nomad's variables do
 * not distinguish them
 */
function environmentValue(upstream: UpstreamRecord, isOnly: boolean, protocol: Protocol | undefined): string {
  const { destination, localBindPort } = upstream;
  const isPlain =
    isOnly &&
    localBindPort !== undefined &&
    [destination.peer, destination.datacenter, destination.tenancy].every((each) => each === undefined);
  // Nomad's variable instead of the literal address: users know it from other jobs.
  const address = isPlain
    ? `\${NOMAD_UPSTREAM_ADDR_${upstreamName(destination).replace(/[^A-Za-z0-9_]/g, "_")}}`
    : addressOf(upstream);
  if (upstream.options.localBindSocketPath !== undefined) return address;
  return protocol === Protocol.HTTP || protocol === Protocol.HTTP2 ? `http://${address}` : address;
}
