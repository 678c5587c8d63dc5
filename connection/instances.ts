import type { EngineAnswer } from "../lab/cluster/engine-api";
import type { ChainTarget, Instance } from "./facts";

/** What is read of Consul's health API. */
interface HealthEntry {
  readonly Node: { readonly Node: string; readonly Address: string };
  readonly Service: {
    readonly ID: string;
    readonly Service: string;
    readonly Kind?: string;
    readonly Address: string;
    readonly Port: number;
    readonly Connect?: { readonly Native?: boolean };
    readonly Proxy?: {
      readonly DestinationServiceName?: string;
      readonly Mode?: string;
      readonly Upstreams?:
        | readonly {
            readonly DestinationName: string;
            readonly DestinationPeer?: string;
            readonly Datacenter?: string;
            readonly DestinationType?: string;
            readonly LocalBindPort?: number;
            readonly LocalBindSocketPath?: string;
            readonly Config?: { readonly protocol?: string } | null;
          }[]
        | null;
    };
  };
  readonly Checks: readonly {
    readonly CheckID: string;
    readonly Name: string;
    readonly Status: string;
    readonly Output: string;
  }[];
}

/** Reads an answer of `/v1/health/connect` or `/v1/health/service`: what can take part in the mesh. */
export function readInstances({ status, text }: EngineAnswer): Instance[] | undefined {
  return status === 200 ? ((JSON.parse(text) ?? []) as HealthEntry[]).map(instanceOf) : undefined;
}

function instanceOf({ Node, Service, Checks }: HealthEntry): Instance {
  const { ID, Kind, Proxy } = Service;
  const allocation = /^_nomad-task-([0-9a-f-]{36})-/.exec(ID)?.at(1);
  return {
    id: ID,
    service: Proxy?.DestinationServiceName || Service.Service,
    kind: Kind || (Service.Connect?.Native ? "native" : "plain"),
    node: Node.Node,
    address: Service.Address || Node.Address,
    port: Service.Port,
    checks: Checks.map(({ CheckID, Name, Status, Output }) => ({
      id: CheckID,
      name: Name,
      status: Status,
      output: Output.trim(),
    })),
    upstreams: (Proxy?.Upstreams ?? []).map((upstream) => ({
      name: upstream.DestinationName,
      port: upstream.LocalBindPort ?? 0,
      ...(upstream.LocalBindSocketPath && { socket: upstream.LocalBindSocketPath }),
      ...(upstream.DestinationType === "prepared_query" && { isQuery: true }),
      ...(upstream.Config?.protocol && { protocol: upstream.Config.protocol }),
      ...(upstream.DestinationPeer && { peer: upstream.DestinationPeer }),
      ...(upstream.Datacenter && { datacenter: upstream.Datacenter }),
    })),
    isTransparent: Proxy?.Mode === "transparent",
    ...(allocation !== undefined && { allocation }),
  };
}

/** Whether Consul sends others to it: none of its checks, and of those of its node and service, is critical. @param target where it is used */
export function isHealthy(
  { checks }: Pick<Instance, "checks">,
  { OnlyPassing, IgnoreCheckIDs }: Pick<ChainTarget, "OnlyPassing" | "IgnoreCheckIDs"> = {},
): boolean {
  return checks
    .filter(({ id = "" }) => !IgnoreCheckIDs?.includes(id))
    .every(({ status }) => (OnlyPassing ? status === "passing" : status !== "critical" && status !== "maintenance"));
}
