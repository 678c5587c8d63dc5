import type { Intention, IntentionOptions } from "./intention";
import type { UpstreamOptions } from "../model/upstream-options";
import type { Upstream } from "./upstream";

/** What {@link MeshService.connectTo} takes: how the destination is found, and what may be asked of it. */
export interface ConnectOptions extends UpstreamOptions, Pick<IntentionOptions, "permissions" | "description"> {}

/** Both halves of a connection: discovery and authority. */
export class Connection {
  /** @internal */
  constructor(
    readonly upstream: Upstream,
    readonly intention: Intention,
  ) {}

  /** `address:port` that the source's tasks connect to. */
  get address(): string {
    return this.upstream.address;
  }
}
