import type { IConstruct } from "constructs";
import type { Protocol } from "../consul/protocol";
import type { ServiceMesh } from "./service-mesh";

/** Whoever has a name in the mesh, and so can be let in somewhere: a service or a gateway. */
export interface IMeshMember extends IConstruct {
  /** Name in Consul. */
  readonly serviceName: string;
  /** The mesh that owns it; `undefined` for a service that another team owns. */
  readonly mesh: ServiceMesh | undefined;
}

/** What can be connected to: a service of the mesh, whoever owns it, or one outside that a terminating gateway reaches. */
export interface IMeshService extends IMeshMember {
  /** What it speaks. */
  readonly protocol: Protocol;
}

/** @internal */
export function nameOf(member: IMeshMember | string): string {
  return typeof member === "string" ? member : member.serviceName;
}

/**
 * @internal What the mesh calls the cluster of another one, where they are of two datacenters: each is to the other a cluster
 * peer by the name of its datacenter.
 */
export function peerOf(other: ServiceMesh | undefined, own: ServiceMesh): string | undefined {
  const there = other?.props.datacenter;
  const here = own.props.datacenter;
  return there === undefined || here === undefined || there === here ? undefined : there;
}

/** @internal The mesh in which it is recorded who may reach the target. */
export function meshOf(target: IMeshMember | string, own: ServiceMesh): ServiceMesh {
  return (typeof target === "string" ? undefined : target.mesh) ?? own;
}
