import { Construct } from "constructs";
import { Protocol } from "../consul/protocol";
import { Graph } from "../model/graph";
import { originOf } from "../model/origin";
import type { ImportedServiceRecord } from "../model/records";
import type { IMeshService, IServiceMesh } from "./mesh-member";
import { literal, name, refuseWrongArgument, refuseWrongValues } from "../core/shape";
import { IMPORTED_SERVICE_SHAPE } from "./shapes";
import { sharedClass } from "../core/shared-class";

/** Options for a reference to a service that another team owns. */
export interface ImportedMeshServiceOptions {
  /** Protocol of the service. @default Protocol.TCP */
  readonly protocol?: Protocol;
  /** The mesh of the service, if it is in another cluster: see {@link ServiceMesh.fromDatacenter}. @default the cluster of this app */
  readonly mesh?: IServiceMesh;
}

/** @internal A service that another team owns. */
export class ImportedService extends Construct implements IMeshService {
  static {
    sharedClass(this, "ImportedService");
  }

  readonly protocol: Protocol;
  readonly mesh: IServiceMesh | undefined;

  constructor(
    scope: Construct,
    id: string,
    readonly serviceName: string,
    options: ImportedMeshServiceOptions,
  ) {
    super(scope, id);
    refuseWrongArgument(
      this,
      "serviceName",
      serviceName,
      literal(name, "Use a literal name: the graph is built from names."),
    );
    refuseWrongValues(this, options, IMPORTED_SERVICE_SHAPE);
    this.protocol = options.protocol ?? Protocol.TCP;
    this.mesh = options.mesh;
    const record: ImportedServiceRecord = {
      ...{ kind: "imported service", key: this.node.path, origin: originOf(this) },
      ...{ name: serviceName, protocol: this.protocol, mesh: undefined },
    };
    Graph.of(this).write(this, ({ members }) => members.set(record.key, record));
  }
}
