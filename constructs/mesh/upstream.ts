import { Graph } from "../model/graph";
import type { UpstreamRecord } from "../model/records";
import { addressOf } from "../model/upstream";
import type { IMeshService } from "./mesh-member";

/** An upstream of a service: the address at which it reaches another one. It allows nothing; see {@link Intention}. */
export class Upstream {
  /** @internal */
  constructor(
    /** The service that connects. */
    readonly source: IMeshService,
    /** Key by which Consul distinguishes the upstreams of the source. */
    private readonly id: string,
  ) {}

  /** Consul name of the destination. */
  get destinationName(): string {
    return this.record.destination.service;
  }

  /** Port on the loopback interface of the source; `undefined` if none is needed (transparent proxy, Connect native). */
  get localBindPort(): number | undefined {
    return this.record.localBindPort;
  }

  /** Address on which Envoy listens for this upstream. */
  get localBindAddress(): string {
    return this.record.options.localBindAddress ?? "127.0.0.1";
  }

  /** `address:port` to which the tasks of the source connect; `<service>.virtual.consul` if there is no `localBindPort`. */
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
