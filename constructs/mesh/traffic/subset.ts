import * as is from "../../core/shape";
import type { IMeshService } from "../mesh-member";
import { sharedClass } from "../../core/shared-class";

/** Options of {@link MeshService.addSubset}. */
export interface SubsetOptions {
  /** Whether instances with a check in the state `warning` are excluded. @default false */
  readonly onlyPassing?: boolean;
}

/** @internal */
export const SUBSET_SHAPE: is.Shape<SubsetOptions> = { onlyPassing: is.flag };

/**
 * A named subset of a service's instances, which routes, splits and failovers can refer to.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-resolver#subsets
 */
export class Subset {
  static {
    sharedClass(this, "Subset");
  }

  private constructor(
    /** The service, or its name. */
    readonly service: IMeshService | string,
    /** Name of the subset in the `service-resolver` of the service. */
    readonly name: string,
  ) {}

  /**
   * References a subset that is declared elsewhere: later in the app, or by the team that owns the service.
   *
   * @param service the service, or its name in the mesh
   */
  static of(service: IMeshService | string, name: string): Subset {
    return new Subset(service, name);
  }
}
