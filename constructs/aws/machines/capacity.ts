import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { sharedClass } from "../../core/shared-class";

/** Options of {@link Capacity.spot}. */
export interface SpotOptions {
  /** How many machines are on demand all the same. @default 0 */
  readonly base?: number;
}

const SPOT_SHAPE: is.Shape<SpotOptions> = { base: is.number };

/** How machines are bought. */
export class Capacity {
  static {
    sharedClass(this, "Capacity");
  }

  /** On demand: AWS takes none of them back. */
  static onDemand(): Capacity {
    return new Capacity("on-demand", {});
  }

  /** Spare machines of AWS, for less, which it takes back with a notice of two minutes; replaced early where AWS expects that. */
  static spot(options: SpotOptions = {}): Capacity {
    return new Capacity("spot", is.optionsOf("Capacity.spot", options));
  }

  private constructor(
    /** Which of them it is. */
    readonly kind: "on-demand" | "spot",
    private readonly options: SpotOptions,
  ) {}

  /** How many machines are on demand of those that are spot otherwise. */
  get base(): number {
    return this.options.base ?? 0;
  }

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, SPOT_SHAPE);
  }
}
