import type * as consul from "../consul/generated/config-entries";
import { Protocol } from "../consul/protocol";
import { renderUpstreamPolicy, type UpstreamPolicy } from "../consul/upstream-config";
import type * as nomad from "../nomad/generated/job";
import { overridden } from "../nomad/override";
import type { Override } from "../core/override";
import { withoutUndefined } from "../core/without-undefined";
import type { IMeshService } from "./mesh-member";

/**
 * How traffic for another datacenter goes through mesh gateways.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/upstreams#mesh_gateway
 */
export enum MeshGatewayMode {
  /** Straight to the destination. */
  NONE = "none",
  /** Through the gateway of the own datacenter. */
  LOCAL = "local",
  /** Through the gateway of the destination's datacenter. */
  REMOTE = "remote",
}

/**
 * How a service finds another one.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/upstreams
 */
export interface UpstreamOptions extends UpstreamPolicy {
  /** Port on the service's own loopback where Envoy listens for it. @default chosen by the destination's name, stable */
  readonly localBindPort?: number;
  /** Address where Envoy listens for it. @default "127.0.0.1" */
  readonly localBindAddress?: string;
  /**
   * Environment variable of the service's tasks that says where to find it: a URL for http, http2; `address:port` for
   * tcp and gRPC.
   *
   * @default none
   */
  readonly env?: string;
  /** Consul datacenter of the destination. @default the service's own */
  readonly datacenter?: string;
  /** Cluster peer of the destination. @default that of its datacenter, for a service of another datacenter's mesh */
  readonly peer?: string;
  /** @default the mesh's own */
  readonly meshGateway?: MeshGatewayMode;
  /**
   * Upstream configuration, opaque to Nomad, e.g. `{ connect_timeout_ms: 500 }`.
   *
   * @default none
   */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Anything else of Nomad's upstreams block. @default none */
  readonly override?: Override<nomad.ConsulUpstream>;
}

/** One service's way to another: discovery, without any authority. */
export class Upstream {
  /** @internal */
  constructor(
    /** Service that reaches out. */
    readonly source: IMeshService,
    /** Consul name of the destination. */
    readonly destinationName: string,
    /** Port on the source's loopback; `undefined` where traffic needs none (transparent proxy, Connect native). */
    readonly localBindPort: number | undefined,
    private given: UpstreamOptions,
    private findDestination: () => IMeshService | undefined,
  ) {}

  /** @internal */
  get options(): UpstreamOptions {
    return this.given;
  }

  /** @internal What Consul tells it apart by, among the upstreams of its source. */
  get id(): string {
    return upstreamId(this.destinationName, this.options);
  }

  /** @internal Why what was stated about the same upstream elsewhere cannot hold next to this; `undefined` where it can. */
  contradictionWith(other: Upstream): string | undefined {
    const fields = (upstream: Upstream): UpstreamOptions => {
      const { localBindPort, localBindAddress } = upstream;
      return { ...upstream.options, localBindPort, localBindAddress };
    };
    const [here, there] = [this, other].map((upstream) => new Map<string, unknown>(Object.entries(fields(upstream))));
    const bound = ["localBindPort", "localBindAddress"];
    for (const [name, value] of there) {
      const own = here.get(name);
      const isOpen = !bound.includes(name) && (own === undefined || value === undefined);
      if (!isOpen && JSON.stringify(own) !== JSON.stringify(value)) {
        return `both the ${name} ${shown(own)} and ${shown(value)}`;
      }
    }
    return undefined;
  }

  /** @internal Takes on what was stated about the same upstream a second time. */
  absorb(other: Upstream): void {
    const find = this.findDestination;
    this.given = { ...withoutUndefined(other.given), ...withoutUndefined(this.given) };
    this.findDestination = () => find() ?? other.findDestination();
  }

  /** @internal The same, with what another job of the source states about it in addition. */
  extendedBy(other: Upstream): Upstream {
    const both = new Upstream(other.source, this.destinationName, this.localBindPort, this.given, this.findDestination);
    both.absorb(other);
    return both;
  }

  /** The destination; `undefined` while the graph does not know its name. */
  get destination(): IMeshService | undefined {
    return this.findDestination();
  }

  /** @internal What Consul tells it apart by, in the source's service-defaults. */
  get key(): string {
    return `${this.options.peer ?? ""}/${this.destinationName}`;
  }

  /** Address where Envoy listens for it. */
  get localBindAddress(): string {
    return this.options.localBindAddress ?? "127.0.0.1";
  }

  /** `address:port` that the source's tasks connect to. */
  get address(): string {
    return this.localBindPort === undefined
      ? `${this.destinationName}.virtual.consul`
      : `${this.localBindAddress}:${this.localBindPort}`;
  }

  /**
   * @internal What the variable of `env` holds.
   *
   * @param isOnly whether no other upstream of the job leads to this name, in another datacenter perhaps: for Nomad they are one
   */
  environmentValue(isOnly: boolean): string {
    // Nomad's own variable rather than the literal: it is what users know from every other job.
    const address =
      !isOnly ||
      this.localBindPort === undefined ||
      this.options.peer !== undefined ||
      this.options.datacenter !== undefined
        ? this.address
        : `\${NOMAD_UPSTREAM_ADDR_${this.destinationName.replace(/[^A-Za-z0-9_]/g, "_")}}`;
    const protocol = this.destination?.protocol;
    return protocol === Protocol.HTTP || protocol === Protocol.HTTP2 ? `http://${address}` : address;
  }

  /**
   * @internal What the source's service-defaults say of it. It stands there and not in the job, since there it holds behind a
   * transparent proxy too, and a change takes effect without the job.
   */
  renderDefaults(): consul.UpstreamConfig | undefined {
    const { limits, passiveHealthCheck, connectTimeout, peer } = this.options;
    return limits === undefined && passiveHealthCheck === undefined && connectTimeout === undefined
      ? undefined
      : { Name: this.destinationName, Peer: peer, ...renderUpstreamPolicy(this.options) };
  }

  /** @internal */
  render(): nomad.ConsulUpstream {
    const { options } = this;
    const rendered: nomad.ConsulUpstream = {
      DestinationName: this.destinationName,
      DestinationPeer: options.peer,
      Datacenter: options.datacenter,
      LocalBindAddress: options.localBindAddress,
      LocalBindPort: this.localBindPort,
      MeshGateway: options.meshGateway && { Mode: options.meshGateway },
      Config: options.config,
    };
    return overridden(rendered, options.override);
  }
}

function shown(value: unknown): string {
  return value === undefined ? "none" : JSON.stringify(value);
}

/** @internal What Consul tells an upstream apart by, among those of one service: these three, empty ones too. */
export function upstreamId(destinationName: string, { datacenter, peer }: UpstreamOptions): string {
  return [destinationName, datacenter, peer].join("/").replace(/\/+$/, "");
}
