import type { Construct, IConstruct } from "constructs";
import type { HttpPermission } from "../consul/http-permission";
import { ANY_SERVICE } from "../consul/service-intentions";
import { placeSeenFrom } from "../model/cluster";
import type { IntentionRecord, Reference } from "../model/records";
import { Mesh } from "./mesh";
import { nameOf, referenceTo, type IMeshMember } from "./mesh-member";
import { refuseWrongArgument, refuseWrongValues } from "../core/shape";
import { DENIAL_SHAPE, INTENTION_SHAPE, MEMBER } from "./shapes";

/** What an intention allows. */
export interface IntentionOptions {
  /**
   * HTTP requests that the source may make (an L7 intention). The protocol of the destination must be http, http2 or grpc.
   *
   * In one list, the first permission that matches a request decides. Several calls for the same source, in any order, allow what
   * any of them allows, except what any of them denies. What is denied to the source `"*"` is denied to every source; what is
   * allowed to `"*"` applies only to sources for which there is no other call.
   *
   * A changed intention applies to new connections, with or without permissions. A connection that two Envoys keep open carries one
   * more request under the previous rules, and an open connection to a tcp service stays open until Envoy has drained it, for ten
   * minutes. `meshform disconnect` closes both.
   *
   * @default all requests and connections
   */
  readonly permissions?: readonly HttpPermission[];
  /** Description for people. @default none */
  readonly description?: string;
  /** Name of the cluster peer from which the source comes. @default the peer of the source's mesh, if that is in another datacenter */
  readonly peer?: string;
}

/** Options of an intention that denies everything to a source. */
export type DenialOptions = Pick<IntentionOptions, "description" | "peer">;

/**
 * Allows one service to reach another, or denies it. Without an intention a connection is denied.
 *
 * @see https://developer.hashicorp.com/consul/docs/secure-mesh/intention
 */
export class Intention {
  /** @internal */
  constructor(
    /** The construct that created the intention. */
    readonly scope: IConstruct,
    /** Consul name of the source. */
    readonly sourceName: string,
    /** Consul name of the destination. */
    readonly destinationName: string,
    /** Permissions, description and peer, as passed. */
    readonly options: IntentionOptions,
  ) {}

  /** Whether the source is `"*"`, any service. */
  get isWildcard(): boolean {
    return this.sourceName === ANY_SERVICE;
  }
}

/** @internal @throws MeshError for permissions, which cannot be denied as a whole */
export function refuseWrongDenial(scope: IConstruct, options: DenialOptions): void {
  refuseWrongValues(scope, options, DENIAL_SHAPE, "intention");
}

/**
 * @internal Records that a source may reach a destination, or may not. The record belongs to the mesh of the destination, or to `own` if the
 * destination is only a name, or a service of another team.
 *
 * @param scope the construct that creates the intention
 * @param own the mesh of the scope
 */
export function allow(
  scope: Construct,
  own: Mesh,
  source: IMeshMember | string,
  destination: IMeshMember | string,
  options: IntentionOptions,
  isDenied?: true,
): Intention {
  refuseWrongArgument(scope, "source", source, MEMBER);
  refuseWrongArgument(scope, "destination", destination, MEMBER);
  refuseWrongValues(scope, options, INTENTION_SHAPE, "intention", nameOf(destination));
  const { permissions, description } = options;
  const given = typeof destination === "string" ? undefined : destination.mesh;
  const home = given instanceof Mesh ? given : own;
  // Intentions do not distinguish the datacenters of a WAN federation.
  const reference: Reference = { ...referenceTo(source, home), datacenter: undefined };
  const intention: Omit<IntentionRecord, "origin" | "mesh" | "follows"> = {
    source: { ...reference, peer: options.peer ?? reference.peer },
    destination: nameOf(destination),
    permissions,
    description,
    ...(isDenied && { isDenied }),
  };
  // The intentions of a service in another app's cluster belong to that app.
  const { peer, tenancy } = placeSeenFrom(own, given);
  if (home === given || (peer === undefined && tenancy === undefined)) {
    home.addIntention(scope, intention);
  }
  return new Intention(scope, intention.source.service, intention.destination, options);
}
