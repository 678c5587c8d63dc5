import type { IConstruct } from "constructs";
import type { HttpPermission } from "../consul/http-permission";
import { ANY_SERVICE, type IntentionSource } from "../consul/service-intentions";
import { nameOf, type IMeshMember } from "./mesh-member";

/** What a source may do. */
export interface IntentionOptions {
  /**
   * Requests that the source may make, instead of any: an L7 intention. The destination must speak http, http2 or gRPC.
   * Whether with or without permissions, a change says nothing of what is open: a connection that two Envoys keep open between
   * them carries one more request by the rules from before, and one to a tcp service is served until Envoy has drained it, for
   * ten minutes. `meshform disconnect` closes both.
   *
   * Within one list the first permission that matches a request decides. Several statements about a source, in whatever
   * order, allow what any of them allows, except what one of them denies; so does a statement about `"*"`, whose denies hold
   * for each source, while what it allows is for those sources about which nothing else is stated.
   *
   * @default everything
   */
  readonly permissions?: readonly HttpPermission[];
  /** For people. @default none */
  readonly description?: string;
  /** Cluster peer from which the source comes. @default that of its datacenter, for a member of another datacenter's mesh */
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
    readonly source: IMeshMember | string,
    /** Consul name of whom it may reach. */
    readonly destinationName: string,
    readonly options: IntentionOptions,
    /** Whether nobody stated it for this destination: traffic rules lead here. */
    readonly follows = false,
  ) {}

  /** Consul name of the source. */
  get sourceName(): string {
    return nameOf(this.source);
  }

  /** Whether it lets anybody in. */
  get isWildcard(): boolean {
    return this.sourceName === ANY_SERVICE;
  }

  /** @internal The source, whichever cluster it is in. */
  get origin(): string {
    return `${this.options.peer ?? ""}/${this.sourceName}`;
  }

  /** @internal The same for a service to which another one's traffic rules lead. */
  towards(via: IConstruct, destinationName: string): Intention {
    return new Intention(via, this.source, destinationName, this.options, true);
  }

  /** @internal The same, of a source in another cluster. */
  from(peer: string | undefined): Intention {
    return new Intention(this.scope, this.source, this.destinationName, { ...this.options, peer }, this.follows);
  }

  /** @internal */
  render(): IntentionSource {
    const { permissions, description, peer } = this.options;
    return { name: this.sourceName, permissions, description, peer, follows: this.follows };
  }
}
