import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { sharedClass } from "../../core/shared-class";
import { refuseReversedRange } from "./range";

/** The minimum and maximum number of machines in a group. */
export interface MachineRange {
  /** The minimum. 0 allows the group to be empty. */
  readonly min: number;
  /** The maximum. It can be exceeded while machines are replaced. */
  readonly max: number;
}

/** Options of {@link Scaling.cpu}. */
export interface CpuScalingOptions extends MachineRange {
  /** The target for the group's average CPU utilization, in percent. @default 60 */
  readonly percent?: number;
}

const isWhole = (value: unknown) => Number.isInteger(value) && Number(value) >= 0;
const isPercent = (value: unknown) => typeof value === "number" && value >= 1 && value <= 100;
const machines = is.literal(is.rule("a whole number, 0 or more", "Set it.", isWhole), "Use a literal number.");

const RANGE_SHAPE: is.Shape<MachineRange> = { min: is.required(machines), max: is.required(machines) };
const CPU_SHAPE: is.Shape<CpuScalingOptions> = {
  ...RANGE_SHAPE,
  percent: is.rule("a number from 1 to 100", "Set it.", isPercent),
};

/** How the number of machines in a group is determined. */
export class Scaling {
  static {
    sharedClass(this, "Scaling");
  }

  /** A fixed number of machines. */
  static fixed(count: number): Scaling {
    return new Scaling("fixed", { min: count, max: count });
  }

  /**
   * EC2 Auto Scaling keeps the group's average CPU utilization at a target. The group starts with `min` machines. `min` must be
   * at least 1, because an empty group has no CPU utilization.
   *
   * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html
   */
  static cpu(options: CpuScalingOptions): Scaling {
    return new Scaling("cpu", is.optionsOf("Scaling.cpu", options));
  }

  /**
   * The Nomad Autoscaler, which you run as a job with the target plugin `aws-asg`, sets the number, or you set it manually. The
   * group starts with `min` machines.
   *
   * @see https://developer.hashicorp.com/nomad/tools/autoscaling/plugins/target/aws-asg
   */
  static byNomad(range: MachineRange): Scaling {
    return new Scaling("nomad", is.optionsOf("Scaling.byNomad", range));
  }

  private constructor(
    /** The kind of scaling. */
    readonly kind: "fixed" | "cpu" | "nomad",
    private readonly options: CpuScalingOptions,
  ) {}

  /** The minimum number of machines. */
  get min(): number {
    return this.options.min;
  }

  /** The maximum number of machines. */
  get max(): number {
    return this.options.max;
  }

  /** The target for the average CPU utilization, in percent. */
  get percent(): number {
    return this.options.percent ?? 60;
  }

  /** @internal */
  examine(place: Place): void {
    if (this.kind === "cpu") is.examineProperties(place, this.options, CPU_SHAPE);
    else is.examineProperties<MachineRange>(place, this.options, RANGE_SHAPE);
    const { min, max } = this.options;
    if (!isWhole(min) || !isWhole(max)) return;
    refuseReversedRange(place, { min, max });
    if (this.kind === "cpu" && min === 0) {
      place.refuse("min", min, "1 or more", "Use Scaling.byNomad for a pool that may be idle.");
    }
  }
}
