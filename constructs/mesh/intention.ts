import type { IConstruct } from "constructs";
import type { HttpPermission } from "../consul/http-permission";
import { ANY_SERVICE, type IntentionSource } from "../consul/service-intentions";
import type { IMeshService } from "./mesh-service";

/** What a source may do. */
export interface IntentionOptions {
  /**
   * Requests that the source may make, instead of any: an L7 intention. The destination must speak http, http2 or gRPC.
   * A change bites at the next request, while without permissions open connections live on.
   *
   * @default everything
   */
  readonly permissions?: readonly HttpPermission[];
  /** For people. @default none */
  readonly description?: string;
  /** Cluster peer from which the source comes. @default the same cluster */
  readonly peer?: string;
}

/**
 * Says that one service may reach another. Without one, nobody may: the mesh denies by default.
 *
 * @see https://developer.hashicorp.com/consul/docs/secure-mesh/intention
 */
export class Intention {
  /** @internal */
  constructor(
    /** The construct that asked for it, which messages name. */
    readonly scope: IConstruct,
    /** Who may reach, or the name. */
    readonly source: IMeshService | string,
    /** Consul name of whom it may reach. */
    readonly destinationName: string,
    readonly options: IntentionOptions,
  ) {}

  /** Consul name of the source. */
  get sourceName(): string {
    return typeof this.source === "string" ? this.source : this.source.serviceName;
  }

  /** Whether it lets anybody in. */
  get isWildcard(): boolean {
    return this.sourceName === ANY_SERVICE;
  }

  /** @internal */
  render(): IntentionSource {
    const { permissions, description, peer } = this.options;
    return { name: this.sourceName, permissions, description, peer };
  }
}
