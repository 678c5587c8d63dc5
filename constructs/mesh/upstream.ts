import { Graph } from "../model/graph";
import type { UpstreamRecord } from "../model/records";
import { addressOf } from "../model/upstream";
import type { IMeshService } from "./mesh-member";

/** One service's way to another: discovery, without any authority. */
export class Upstream {
  /** @internal */
  constructor(
    /** Service that reaches out. */
    readonly source: IMeshService,
    /** What Consul tells it apart by, among the upstreams of the source. */
    private readonly id: string,
  ) {}

  /** Consul name of the destination. */
  get destinationName(): string {
    return this.record.destination.service;
  }

  /** Port on the source's loopback; `undefined` where traffic needs none (transparent proxy, Connect native). */
  get localBindPort(): number | undefined {
    return this.record.localBindPort;
  }

  /** Address where Envoy listens for it. */
  get localBindAddress(): string {
    return this.record.options.localBindAddress ?? "127.0.0.1";
  }

  /** `address:port` that the source's tasks connect to. */
  get address(): string {
    return addressOf(this.record);
  }

  private get record(): UpstreamRecord {
    const found = Graph.of(this.source).read(({ upstreams }) => upstreams.get(this.source.node.path)?.get(this.id));
    if (found === undefined) {
      throw new Error(`${this.source.node.path} has no upstream ${this.id}.`);
    }
    return found;
  }
}
