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
  /** Which distribution the image has. */
  readonly distribution: Distribution;
  /** For which processors it is. @default "arm64" */
  readonly architecture?: Architecture;
  /** The name of the root device. @default the one of the distribution's own images */
  readonly rootDevice?: string;
  /** Whether all packages of the hosts are on it, so that machines fetch none when they boot. @default false */
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

/** What machines boot from. */
export class MachineImage {
  static {
    sharedClass(this, "MachineImage");
  }

  /**
   * The newest image of Ubuntu 24.04 when Terraform plans. It has the agent of Session Manager. A newer image is a new version of the
   * launch template.
   */
  static ubuntu(architecture: Architecture = "arm64"): MachineImage {
    return new MachineImage({ distribution: "ubuntu-24.04", architecture });
  }

  /** The newest image of Debian 12 when Terraform plans. It has no agent of Session Manager, nor do Debian's repositories have one. */
  static debian(architecture: Architecture = "arm64"): MachineImage {
    return new MachineImage({ distribution: "debian-12", architecture });
  }

  /** One image, which stays the same. @param id `ami-…` */
  static id(id: string, options: MachineImageOptions): MachineImage {
    return new MachineImage(is.optionsOf("MachineImage.id", options), id);
  }

  private constructor(
    private readonly options: MachineImageOptions,
    private readonly ami?: string,
  ) {}

  /** Which distribution it has. */
  get distribution(): Distribution {
    return this.options.distribution;
  }

  /** For which processors it is. */
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

  /** Whether machines fetch no packages when they boot. */
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
