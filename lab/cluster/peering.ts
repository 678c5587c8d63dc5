import { type Cluster } from "./cluster";
import { invocation } from "../core/invocation";
import { waitFor, type WaitOptions } from "../core/wait";

/** How two datacenters of a lab are joined. */
export interface PeeringStatus {
  readonly datacenters: readonly [string, string];
  /** In Consul's words, e.g. `ACTIVE`, of the worse side; `absent` while nobody has joined them, `half` if one side is lost. */
  readonly state: string;
}

/** What is read of Consul's answer. */
interface Peering {
  readonly State: string;
}

/**
 * Joins the clusters of a lab that have mesh gateways, each two by cluster peering, as an operator does for real ones. The
 * token that one gives the other is a secret, so it is never written down.
 *
 * @returns the datacenters that have no mesh gateway, while others do or none has
 * @see https://developer.hashicorp.com/consul/docs/east-west/cluster-peering/establish
 */
export async function joinClusters(
  clusters: readonly Cluster[],
  options: WaitOptions & { readonly onJoined?: (left: string, right: string) => void },
): Promise<readonly string[]> {
  const hasGateway = await Promise.all(clusters.map(meshGatewayRuns));
  const reachable = clusters.filter((_, index) => hasGateway[index]);
  for (const [left, right] of pairsOf(reachable)) {
    const untilActive = (timeoutMs: number) =>
      waitFor(
        `${left.datacenter} and ${right.datacenter} to be peered`,
        async () => (await stateOf(left, right)) === "ACTIVE",
        {
          ...options,
          timeoutMs,
          lastSeen: async () => `The state of the peering is ${await stateOf(left, right)}.`,
          fix: `See the logs of the mesh gateways: \`${invocation("logs", "<gateway>")}\`.`,
        },
      );
    const earlier = await stateOf(left, right);
    if (earlier === "ACTIVE") continue;
    options.onJoined?.(left.datacenter, right.datacenter);
    if (earlier !== "absent") {
      if (earlier !== "half" && (await untilActive(Math.min(recoveryMs, options.timeoutMs)).catch(ended(options)))) {
        continue;
      }
      await separate(left, right, options);
    }
    await join(left, right);
    await untilActive(options.timeoutMs);
  }
  return clusters.filter((_, index) => !hasGateway[index]).map(({ datacenter }) => datacenter);
}

/** Time for a peering to recover, in milliseconds: its gateways may just have restarted. */
const recoveryMs = 20_000;

function ended({ signal }: WaitOptions): () => false {
  return () => {
    signal?.throwIfAborted();
    return false;
  };
}

/**
 * The datacenters that are apart though each has a mesh gateway, one sentence for each two.
 *
 * @param withGateways the datacenters that have one
 */
export function problemsOfPeerings(peerings: readonly PeeringStatus[], withGateways: ReadonlySet<string>): string[] {
  return peerings
    .filter(({ datacenters }) => datacenters.every((name) => withGateways.has(name)))
    .filter(({ state }) => state !== "ACTIVE")
    .map(
      ({ datacenters, state }) =>
        `${datacenters.join(" and ")} are not connected: the state of their peering is ${state}. \`${invocation("up")}\` joins them.`,
    );
}

/** How each two datacenters of a lab are joined. */
export function readPeerings(clusters: readonly Cluster[]): Promise<PeeringStatus[]> {
  return Promise.all(
    pairsOf(clusters).map(async ([left, right]) => ({
      datacenters: [left.datacenter, right.datacenter],
      state: await stateOf(left, right),
    })),
  );
}

async function join(left: Cluster, right: Cluster): Promise<void> {
  const answer = await right.consul.post("/v1/peering/token", { PeerName: left.datacenter });
  const { PeeringToken } = answer as { PeeringToken: string };
  await left.consul.post("/v1/peering/establish", { PeerName: right.datacenter, PeeringToken });
}

async function separate(left: Cluster, right: Cluster, options: WaitOptions): Promise<void> {
  await left.consul.delete(`/v1/peering/${right.datacenter}`);
  await right.consul.delete(`/v1/peering/${left.datacenter}`);
  await waitFor(
    `the previous peering of ${left.datacenter} and ${right.datacenter} to be deleted`,
    async () => (await peeringsOf(left, right)).every((peering) => peering === undefined),
    options,
  );
}

async function stateOf(left: Cluster, right: Cluster): Promise<string> {
  const peerings = await peeringsOf(left, right);
  const states = peerings.map((peering) => peering?.State ?? "absent");
  const absent = states.filter((state) => state === "absent").length;
  if (absent > 0) return absent === states.length ? "absent" : "half";
  return states.find((state) => state !== "ACTIVE") ?? "ACTIVE";
}

async function peeringsOf(left: Cluster, right: Cluster): Promise<(Peering | undefined)[]> {
  const peerings = await Promise.all([
    left.consul.get(`/v1/peering/${right.datacenter}`),
    right.consul.get(`/v1/peering/${left.datacenter}`),
  ]);
  return peerings as (Peering | undefined)[];
}

/** Whether a healthy one is registered: what clusters tell each other goes through it. */
async function meshGatewayRuns({ consul }: Cluster): Promise<boolean> {
  const services = (await consul.get("/v1/internal/ui/services")) as
    { readonly Kind?: string; readonly InstanceCount?: number; readonly ChecksCritical?: number }[] | undefined;
  return (services ?? []).some(
    ({ Kind, InstanceCount = 0, ChecksCritical = 0 }) =>
      Kind === "mesh-gateway" && InstanceCount > 0 && ChecksCritical === 0,
  );
}

/** Each two of them. */
export function pairsOf(clusters: readonly Cluster[]): [Cluster, Cluster][] {
  return clusters.flatMap((left, index) => clusters.slice(index + 1).map((right): [Cluster, Cluster] => [left, right]));
}
