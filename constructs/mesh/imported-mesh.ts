import { Construct } from "constructs";
import { literal, name, refuseWrongArgument } from "../core/shape";
import { ImportedService, type ImportedMeshServiceOptions } from "./imported-service";
import type { IMeshService, IServiceMesh } from "./mesh-member";

/**
 * A mesh that another app owns, in a Consul datacenter of its own or in that of a mesh here. Nothing is emitted for it: what may reach
 * its services is for its owner to say.
 *
 * @example
 * const other = ServiceMesh.fromDatacenter(stack, "other", "dc2");
 * shop.connectTo(other.service("api", { protocol: Protocol.HTTP }));
 */
export class ImportedMesh extends Construct implements IServiceMesh {
  /** @internal Made by {@link ServiceMesh.fromDatacenter}. */
  constructor(
    scope: Construct,
    id: string,
    readonly datacenter: string,
  ) {
    super(scope, id);
    refuseWrongArgument(
      this,
      "datacenter",
      datacenter,
      literal(name, "Use a literal name: the graph is built from names."),
    );
  }

  /**
   * A service of it, to connect to or to let in. A cluster peer must export it; over there it is let in by the name of the datacenter
   * here.
   *
   * @param serviceName its name in Consul
   */
  service(serviceName: string, options: Omit<ImportedMeshServiceOptions, "mesh"> = {}): IMeshService {
    const known = this.node.tryFindChild(serviceName);
    return known instanceof ImportedService
      ? known
      : new ImportedService(this, serviceName, serviceName, { ...options, mesh: this });
  }
}
