import type { Intention, IntentionOptions } from "./intention";
import type { UpstreamOptions } from "../model/upstream-options";
import type { Upstream } from "./upstream";

/** Options of {@link MeshService.connectTo}: those of the upstream and those of the intention. */
export interface ConnectOptions extends UpstreamOptions, Pick<IntentionOptions, "permissions" | "description"> {}

/** A connection from one service to another: an upstream and an intention. */
export class Connection {
  /** @internal */
  constructor(
    /** The upstream: the address at which the tasks of the source reach the destination. */
    readonly upstream: Upstream,
    /** The intention: what the source may request. */
    readonly intention: Intention,
  ) {}

  /** `address:port` to which the tasks of the source connect. */
  get address(): string {
    return this.upstream.address;
  }
}
