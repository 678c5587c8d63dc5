import type { IConstruct } from "constructs";
import type { Protocol } from "../consul/protocol";
import type { Tenancy } from "../consul/tenancy";
import { MeshError } from "../core/errors";
import { placeSeenFrom } from "../model/cluster";
import type { Reference } from "../model/records";
import { isToken } from "../core/token";

/** A mesh of this app, or one that another app owns. */
export interface IServiceMesh extends IConstruct {
  /** Name of the Consul datacenter of the mesh; `undefined` for the datacenter of the Consul provider. */
  readonly datacenter: string | undefined;
  /** Primary datacenter of the WAN federation of that datacenter; `undefined` if it is not in one. */
  readonly primaryDatacenter?: string | undefined;
  /** Partition and namespace of the mesh, in Consul Enterprise; `undefined` for the default ones. */
  readonly tenancy?: Tenancy | undefined;
}

/** A service or gateway of a mesh, which can be the source of an intention. */
export interface IMeshMember extends IConstruct {
  /** Name of the service or gateway in Consul. */
  readonly serviceName: string;
  /** The mesh of the service or gateway; `undefined` for a service in the same cluster that another team owns. */
  readonly mesh: IServiceMesh | undefined;
}

/** A service that others can connect to: one of the mesh, of any team, or an external one that a terminating gateway reaches. */
export interface IMeshService extends IMeshMember {
  /** Protocol of the service. */
  readonly protocol: Protocol;
}

/** A gateway of the mesh. */
export interface IGateway extends IMeshMember {
  /** Kind of the gateway, as messages name it. */
  readonly kind: string;
}

/** @internal */
export function nameOf(member: IMeshMember | string): string {
  return typeof member === "string" ? member : member.serviceName;
}

/** @internal Reference to a member, for the records of a mesh. @param own the mesh of the record */
export function referenceTo(target: IMeshMember | string, own: IServiceMesh): Reference {
  return typeof target === "string"
    ? { service: target }
    : {
        ...{ service: target.serviceName, member: target.node.path },
        ...placeSeenFrom(own, target.mesh),
      };
}

/** @internal @throws MeshError for a name that is known only to Terraform */
export function refuseUnknownName(scope: IConstruct, what: string, name: string): void {
  if (isToken(name)) {
    throw new MeshError(
      scope,
      `The name of the ${what} is known only to Terraform.`,
      "Use a literal: the graph is built from names.",
    );
  }
}
