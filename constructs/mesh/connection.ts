import type { Intention, IntentionOptions } from "./intention";
import type { UpstreamOptions } from "../model/upstream-options";
import type { Upstream } from "./upstream";

/** What {@link MeshService.connectTo} takes: how the destination is found, and what may be asked of it. */
export interface ConnectOptions extends UpstreamOptions, Pick<IntentionOptions, "permissions" | "description"> {}

/** Both halves of a connection: discovery and authority. */
export class Connection {
  /** @internal */
  constructor(
    /** Discovery: where the source's tasks find the destination. */
    readonly upstream: Upstream,
    /** Authority: what the source may request. */
    readonly intention: Intention,
  ) {}

  /** `address:port` that the source's tasks connect to. */
  get address(): string {
    return this.upstream.address;
  }
}
