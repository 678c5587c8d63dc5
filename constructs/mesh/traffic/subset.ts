import * as is from "../../core/shape";
import type { IMeshService } from "../mesh-member";
import { sharedClass } from "../../core/shared-class";

/** What {@link MeshService.addSubset} takes beside name and filter. */
export interface SubsetOptions {
  /** Whether instances with a warning are left out. @default false */
  readonly onlyPassing?: boolean;
}

/** @internal */
export const SUBSET_SHAPE: is.Shape<SubsetOptions> = { onlyPassing: is.flag };

/**
 * A named part of a service's instances, which routes, splits and failovers can point to.
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
    /** Its name in the service's resolver. */
    readonly name: string,
  ) {}

  /**
   * Names a subset that is declared elsewhere: further down, or by the team that owns the service.
   *
   * @param service the service, or its name in the mesh
   */
  static of(service: IMeshService | string, name: string): Subset {
    return new Subset(service, name);
  }
}
