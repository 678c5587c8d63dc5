import type { IConstruct } from "constructs";
import type { Protocol } from "../consul/protocol";
import { MeshError } from "../core/errors";
import { peerName } from "../model/cluster";
import type { Reference } from "../model/records";
import { isToken } from "../core/token";

/** A mesh: one of this app, or one that another app owns. */
export interface IServiceMesh extends IConstruct {
  /** Its Consul datacenter; `undefined` where that is the provider's own. */
  readonly datacenter: string | undefined;
}

/** What has a name in the mesh, and so can be let in somewhere: a service or a gateway. */
export interface IMeshMember extends IConstruct {
  /** Name in Consul. */
  readonly serviceName: string;
  /** The mesh that it is in; `undefined` for a service that another team owns, in the same cluster. */
  readonly mesh: IServiceMesh | undefined;
}

/** What can be connected to: a service of the mesh, of whatever team, or one outside that a terminating gateway reaches. */
export interface IMeshService extends IMeshMember {
  /** What it speaks. */
  readonly protocol: Protocol;
}

/** A gateway of the mesh. */
export interface IGateway extends IMeshMember {
  /** What it is, for messages. */
  readonly kind: string;
}

/** @internal */
export function nameOf(member: IMeshMember | string): string {
  return typeof member === "string" ? member : member.serviceName;
}

/** @internal How records of a mesh name a member. @param own the mesh that names it */
export function referenceTo(target: IMeshMember | string, own: IServiceMesh): Reference {
  return typeof target === "string"
    ? { service: target }
    : { service: target.serviceName, member: target.node.path, peer: peerName(target.mesh, own) };
}

/** @internal @throws MeshError for a name that only Terraform knows */
export function refuseUnknownName(scope: IConstruct, what: string, name: string): void {
  if (isToken(name)) {
    throw new MeshError(
      scope,
      `The name of the ${what} is known only to Terraform.`,
      "Use a literal: the graph is built from names.",
    );
  }
}
