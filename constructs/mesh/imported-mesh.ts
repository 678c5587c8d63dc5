import { Construct } from "constructs";
import { TENANCY_SHAPE, type Tenancy } from "../consul/tenancy";
import { literal, name, refuseWrongArgument, refuseWrongValues } from "../core/shape";
import { ImportedService, type ImportedMeshServiceOptions } from "./imported-service";
import type { IMeshService, IServiceMesh } from "./mesh-member";

/**
 * A reference to a mesh that another app owns, in another Consul datacenter, or in the datacenter of a mesh of this app, in any namespace of
 * any partition. No resources are emitted for it; its owner decides which services can reach those of that mesh.
 *
 * @example
 * const other = ServiceMesh.fromDatacenter(stack, "other", "dc2");
 * shop.connectTo(other.service("api", { protocol: Protocol.HTTP }));
 */
export class ImportedMesh extends Construct implements IServiceMesh {
  /** @internal Made by {@link ServiceMesh.fromDatacenter} and {@link ServiceMesh.fromTenancy}. */
  constructor(
    scope: Construct,
    id: string,
    readonly datacenter: string | undefined,
    readonly tenancy?: Tenancy,
  ) {
    super(scope, id);
    if (tenancy === undefined) {
      const rule = literal(name, "Use a literal name: the graph is built from names.");
      refuseWrongArgument(this, "datacenter", datacenter, rule);
    } else {
      refuseWrongValues(this, tenancy, TENANCY_SHAPE, "tenancy");
    }
  }

  /**
   * References a service of that mesh, as the target of `connectTo` or the source of `allowFrom`. If that mesh is a cluster peer, it must
   * export the service to this cluster, and allow the source from a peer whose name is the datacenter of this cluster.
   *
   * @param serviceName name of the service in Consul
   */
  service(serviceName: string, options: Omit<ImportedMeshServiceOptions, "mesh"> = {}): IMeshService {
    const known = this.node.tryFindChild(serviceName);
    return known instanceof ImportedService
      ? known
      : new ImportedService(this, serviceName, serviceName, { ...options, mesh: this });
  }
}
