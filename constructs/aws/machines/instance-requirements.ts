import type { AutoscalingGroupMixedInstancesPolicyLaunchTemplateOverrideInstanceRequirements } from "@cdktf/provider-aws/lib/autoscaling-group";
import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { sharedClass } from "../../core/shared-class";
import { refuseReversedRange } from "./range";

/** A minimum and a maximum. */
export interface RequiredRange {
  /** The minimum, more than 0. */
  readonly min: number;
  /** The maximum. @default no limit */
  readonly max?: number;
}

/** Options of {@link InstanceRequirements.of}. */
export interface InstanceRequirementsOptions {
  /** The number of vCPUs. Whole numbers. */
  readonly vcpus: RequiredRange;
  /** The memory, in GiB. */
  readonly memoryGib: RequiredRange;
  /** Whether types with CPU credits, such as `t4g.medium`, are chosen too. @default false */
  readonly burstable?: boolean;
  /** Types that are not chosen, at most 400; `*` matches any characters, e.g. `"*.metal"` or `"c6g.*"`. @default none */
  readonly excluded?: readonly string[];
}

/** @see https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstanceRequirements.html */
const MOST_EXCLUDED = 400;

const aboveZero = is.literal(
  is.rule("a number above 0", "Set it.", (value) => typeof value === "number" && value > 0 && Number.isFinite(value)),
  "Use a literal number.",
);
const wholeAboveZero = is.literal(
  is.rule("a whole number, 1 or more", "Set it.", (value) => Number.isInteger(value) && Number(value) >= 1),
  "Use a literal number.",
);
const VCPUS_SHAPE: is.Shape<RequiredRange> = { min: is.required(wholeAboveZero), max: wholeAboveZero };
const MEMORY_SHAPE: is.Shape<RequiredRange> = { min: is.required(aboveZero), max: aboveZero };
const SHAPE: is.Shape<InstanceRequirementsOptions> = {
  vcpus: is.required(is.literal(is.block(VCPUS_SHAPE), "Use a literal range.")),
  memoryGib: is.required(is.literal(is.block(MEMORY_SHAPE), "Use a literal range.")),
  burstable: is.literal(is.flag, "Use true or false."),
  excluded: is.literalList(is.name),
};

/**
 * What machines need, instead of names of instance types: AWS chooses among all types of current generations that have it and are of the
 * architecture of the image. Bare metal is never chosen, nor are types that cost much more than the cheapest one.
 *
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/create-mixed-instances-group-attribute-based-instance-type-selection.html
 */
export class InstanceRequirements {
  static {
    sharedClass(this, "InstanceRequirements");
  }

  /**
   * @example
   * cluster.addClientPool("batch", {
   *   instanceTypes: InstanceRequirements.of({ vcpus: { min: 2, max: 8 }, memoryGib: { min: 8 } }),
   *   capacity: Capacity.spot(),
   * });
   */
  static of(options: InstanceRequirementsOptions): InstanceRequirements {
    return new InstanceRequirements(is.optionsOf("InstanceRequirements.of", options));
  }

  private constructor(private readonly options: InstanceRequirementsOptions) {}

  /** @internal */
  get block(): AutoscalingGroupMixedInstancesPolicyLaunchTemplateOverrideInstanceRequirements {
    const { vcpus, memoryGib, burstable = false, excluded } = this.options;
    return {
      vcpuCount: { min: vcpus.min, max: vcpus.max },
      memoryMib: { min: mebibytes(memoryGib.min), max: memoryGib.max && mebibytes(memoryGib.max) },
      burstablePerformance: burstable ? "included" : "excluded",
      bareMetal: "excluded",
      instanceGenerations: ["current"],
      excludedInstanceTypes: excluded && [...excluded],
    };
  }

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, SHAPE);
    for (const property of ["vcpus", "memoryGib"] as const) {
      const { min, max } = Object(this.options[property]) as Partial<RequiredRange>;
      if (typeof min === "number" && typeof max === "number") refuseReversedRange(place.block(property), { min, max });
    }
    const { excluded } = this.options;
    if (Array.isArray(excluded) && excluded.length > MOST_EXCLUDED) {
      place.refuse("excluded", excluded.length, `${MOST_EXCLUDED} types or fewer`, "Use patterns with *.");
    }
  }
}

/** @internal A list of names, or requirements. */
export const INSTANCE_TYPES = is.either(
  { fits: is.isMade, rule: is.made("InstanceRequirements.of({ vcpus: { min: 2 }, memoryGib: { min: 4 } })") },
  is.literalList(is.name),
);

function mebibytes(gib: number): number {
  return Math.round(gib * 1024);
}
