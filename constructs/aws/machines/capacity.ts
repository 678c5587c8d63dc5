import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { sharedClass } from "../../core/shared-class";

/** Options of {@link Capacity.spot}. */
export interface SpotOptions {
  /** How many machines of the group are on-demand instances. @default 0 */
  readonly base?: number;
}

const SPOT_SHAPE: is.Shape<SpotOptions> = { base: is.number };

/** Whether machines are on-demand or spot instances. */
export class Capacity {
  static {
    sharedClass(this, "Capacity");
  }

  /** On-demand instances, which AWS does not interrupt. */
  static onDemand(): Capacity {
    return new Capacity("on-demand", {});
  }

  /** Spot instances: cheaper, but AWS can interrupt them with two minutes' notice. If AWS expects that, they are replaced early. */
  static spot(options: SpotOptions = {}): Capacity {
    return new Capacity("spot", is.optionsOf("Capacity.spot", options));
  }

  private constructor(
    /** The kind of instances. */
    readonly kind: "on-demand" | "spot",
    private readonly options: SpotOptions,
  ) {}

  /** How many machines of a spot group are on-demand instances. */
  get base(): number {
    return this.options.base ?? 0;
  }

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, SPOT_SHAPE);
  }
}
