import { DataAwsSsmParameter } from "@cdktf/provider-aws/lib/data-aws-ssm-parameter";
import { TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { sharedClass } from "../../core/shared-class";
import type { Distribution } from "../../linux/distribution";
import { ROOT_DEVICES } from "../platform/disks";
import type { Architecture } from "./architecture";

/** Options of {@link MachineImage.id}. */
export interface MachineImageOptions {
  /** The distribution of the image. */
  readonly distribution: Distribution;
  /** The processor architecture of the image. @default "arm64" */
  readonly architecture?: Architecture;
  /** The name of the root device. @default that of the distribution's official images */
  readonly rootDevice?: string;
  /** Whether the image contains all packages of the hosts, so that machines download none at boot. @default false */
  readonly prepared?: boolean;
}

const ARCHITECTURE = is.oneOf(["arm64", "amd64"]);

const MACHINE_IMAGE_SHAPE: is.Shape<MachineImageOptions> = {
  distribution: is.required(is.oneOf(["ubuntu-24.04", "debian-12"])),
  architecture: (place, property, value) => {
    if (value !== undefined) ARCHITECTURE(place, property, value);
  },
  rootDevice: is.name,
  prepared: is.literal(is.flag, "Use a literal value."),
};

/** Names of the parameters with the newest image. */
const NEWEST: Readonly<Record<Distribution, (architecture: Architecture) => string>> = {
  // https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
  "ubuntu-24.04": (it) => `/aws/service/canonical/ubuntu/server/24.04/stable/current/${it}/hvm/ebs-gp3/ami-id`,
  // https://wiki.debian.org/Cloud/AmazonEC2Image/Bookworm
  "debian-12": (it) => `/aws/service/debian/release/12/latest/${it}`,
};

/** The AMI that machines boot from. */
export class MachineImage {
  static {
    sharedClass(this, "MachineImage");
  }

  /**
   * The newest image of Ubuntu 24.04 at the time of the plan. It contains the agent of Session Manager. A newer image creates a
   * new version of the launch template.
   */
  static ubuntu(architecture: Architecture = "arm64"): MachineImage {
    return new MachineImage({ distribution: "ubuntu-24.04", architecture });
  }

  /** The newest image of Debian 12 at the time of the plan. Neither it nor Debian's repositories contain Session Manager's agent. */
  static debian(architecture: Architecture = "arm64"): MachineImage {
    return new MachineImage({ distribution: "debian-12", architecture });
  }

  /** A fixed image. @param id `ami-…` */
  static id(id: string, options: MachineImageOptions): MachineImage {
    return new MachineImage(is.optionsOf("MachineImage.id", options), id);
  }

  private constructor(
    private readonly options: MachineImageOptions,
    private readonly ami?: string,
  ) {}

  /** The distribution of the image. */
  get distribution(): Distribution {
    return this.options.distribution;
  }

  /** The processor architecture of the image. */
  get architecture(): Architecture {
    return this.options.architecture ?? "arm64";
  }

  /** The name of its root device. */
  get rootDevice(): string {
    return this.options.rootDevice ?? ROOT_DEVICES[this.distribution];
  }

  /** Whether it is always the same image. */
  get isPinned(): boolean {
    return this.ami !== undefined;
  }

  /** Whether the image contains all packages, so that machines download none at boot. */
  get isPrepared(): boolean {
    return this.options.prepared ?? false;
  }

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, MACHINE_IMAGE_SHAPE);
  }

  /** @internal The id of the image, asked for once in a stack. */
  idIn(scope: Construct): string {
    if (this.ami !== undefined) {
      return this.ami;
    }
    const stack = TerraformStack.of(scope);
    const id = `image_${this.distribution}_${this.architecture}`;
    const found = stack.node.tryFindChild(id) as DataAwsSsmParameter | undefined;
    const parameter =
      found ?? new DataAwsSsmParameter(stack, id, { name: NEWEST[this.distribution](this.architecture) });
    // Its other attribute is treated as a secret, which would hide the launch template in plans.
    return parameter.insecureValue;
  }
}
