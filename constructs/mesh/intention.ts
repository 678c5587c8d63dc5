import type { Construct, IConstruct } from "constructs";
import type { HttpPermission } from "../consul/http-permission";
import { ANY_SERVICE } from "../consul/service-intentions";
import { peerName } from "../model/cluster";
import type { IntentionRecord, Reference } from "../model/records";
import { Mesh } from "./mesh";
import { nameOf, referenceTo, type IMeshMember } from "./mesh-member";
import { refuseWrongArgument, refuseWrongValues } from "../core/shape";
import { INTENTION_SHAPE, MEMBER } from "./shapes";

/** What a source may do. */
export interface IntentionOptions {
  /**
   * Requests that the source may make, instead of any: an L7 intention. The destination must have the protocol http, http2 or grpc.
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
 * Says that one service may reach another. Without one, nothing may: the mesh denies by default.
 *
 * @see https://developer.hashicorp.com/consul/docs/secure-mesh/intention
 */
export class Intention {
  /** @internal */
  constructor(
    /** The construct that asked for it. */
    readonly scope: IConstruct,
    /** Consul name of the source. */
    readonly sourceName: string,
    /** Consul name of what it may reach. */
    readonly destinationName: string,
    /** Permissions, description and peer, as they were given. */
    readonly options: IntentionOptions,
  ) {}

  /** Whether it lets any service in. */
  get isWildcard(): boolean {
    return this.sourceName === ANY_SERVICE;
  }
}

/**
 * @internal States that a source may reach a destination, where that is kept: in the destination's mesh, or in the own one for a
 * service that is only named here or that another team owns.
 *
 * @param scope the construct that states it
 * @param own the mesh of the scope
 */
export function allow(
  scope: Construct,
  own: Mesh,
  source: IMeshMember | string,
  destination: IMeshMember | string,
  options: IntentionOptions,
): Intention {
  refuseWrongArgument(scope, "source", source, MEMBER);
  refuseWrongArgument(scope, "destination", destination, MEMBER);
  refuseWrongValues(scope, options, INTENTION_SHAPE, "intention", nameOf(destination));
  const { permissions, description } = options;
  const given = typeof destination === "string" ? undefined : destination.mesh;
  const home = given instanceof Mesh ? given : own;
  const reference: Reference = referenceTo(source, home);
  const intention: Omit<IntentionRecord, "origin" | "mesh" | "follows"> = {
    source: { ...reference, peer: options.peer ?? reference.peer },
    destination: nameOf(destination),
    permissions,
    description,
  };
  // What may reach a service of another app's cluster is not for this one to say.
  if (home === given || peerName(given, own) === undefined) {
    home.addIntention(scope, intention);
  }
  return new Intention(scope, intention.source.service, intention.destination, options);
}
