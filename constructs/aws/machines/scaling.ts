import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { sharedClass } from "../../core/shared-class";

/** From how many machines to how many a group has. */
export interface MachineRange {
  /** 0 for a group that may be idle. */
  readonly min: number;
  /** The most machines. While machines are replaced there may be more. */
  readonly max: number;
}

/** Options of {@link Scaling.cpu}. */
export interface CpuScalingOptions extends MachineRange {
  /** The mean load of all processors of the group that is aimed at, in percent. @default 60 */
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

/** How many machines a group has, and what decides it. */
export class Scaling {
  static {
    sharedClass(this, "Scaling");
  }

  /** Always as many. */
  static fixed(count: number): Scaling {
    return new Scaling("fixed", { min: count, max: count });
  }

  /**
   * As many as keep the processors of the group at a load, as EC2 Auto Scaling decides. It begins with `min`, and needs 1 at least: no
   * machine has no load.
   *
   * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html
   */
  static cpu(options: CpuScalingOptions): Scaling {
    return new Scaling("cpu", is.optionsOf("Scaling.cpu", options));
  }

  /**
   * As many as Nomad's Autoscaler decides, which is a job of yours with the target plugin `aws-asg`, or as you set manually. It begins with `min`.
   *
   * @see https://developer.hashicorp.com/nomad/tools/autoscaling/plugins/target/aws-asg
   */
  static byNomad(range: MachineRange): Scaling {
    return new Scaling("nomad", is.optionsOf("Scaling.byNomad", range));
  }

  private constructor(
    /** Which of them it is. */
    readonly kind: "fixed" | "cpu" | "nomad",
    private readonly options: CpuScalingOptions,
  ) {}

  /** The fewest machines. */
  get min(): number {
    return this.options.min;
  }

  /** The most machines. */
  get max(): number {
    return this.options.max;
  }

  /** The load of processors that is aimed at. */
  get percent(): number {
    return this.options.percent ?? 60;
  }

  /** @internal */
  examine(place: Place): void {
    if (this.kind === "cpu") is.examineProperties(place, this.options, CPU_SHAPE);
    else is.examineProperties<MachineRange>(place, this.options, RANGE_SHAPE);
    const { min, max } = this.options;
    if (!isWhole(min) || !isWhole(max)) return;
    if (max < min) place.refuse("max", max, `${min} (min) or more`, "Give the larger number as max.");
    if (this.kind === "cpu" && min === 0) {
      place.refuse("min", min, "1 or more", "Use Scaling.byNomad for a pool that may be idle.");
    }
  }
}
