import { Construct } from "constructs";
import { Protocol } from "../consul/protocol";
import { Graph } from "../model/graph";
import { originOf } from "../model/origin";
import type { ImportedServiceRecord } from "../model/records";
import type { IMeshService, IServiceMesh } from "./mesh-member";
import { literal, name, refuseWrongArgument, refuseWrongValues } from "../core/shape";
import { IMPORTED_SERVICE_SHAPE } from "./shapes";
import { sharedClass } from "../core/shared-class";

/** What is known of a service that another team owns. */
export interface ImportedMeshServiceOptions {
  /** What it speaks. @default Protocol.TCP */
  readonly protocol?: Protocol;
  /** The mesh that it is in, where that is another cluster's: see {@link ServiceMesh.fromDatacenter}. @default the own cluster */
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
