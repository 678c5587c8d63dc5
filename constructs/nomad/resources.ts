import * as is from "../core/shape";
import type * as nomad from "./generated/job";
import type { Affinity, Constraint } from "./placement";

/**
 * What a task is promised of its node.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/resources
 */
export interface ResourceOptions {
  /** Share of the processor in MHz. @default 100 */
  readonly cpuMhz?: number;
  /** Whole cores of its own; excludes `cpuMhz`. @default none */
  readonly cores?: number;
  /** Memory in MiB. @default 300 */
  readonly memoryMib?: number;
  /** Memory in MiB that it may use while the node has some to spare. @default `memoryMib` */
  readonly memoryMaxMib?: number;
  /** Size of its folder `secrets` in MiB, which is a part of its memory. @default 1 */
  readonly secretsMib?: number;
  /** Devices of its own, by what Nomad calls them: a type, `vendor/type` or `vendor/type/name`. @default none */
  readonly devices?: Readonly<Record<string, DeviceOptions>>;
  /** Where its cores are (Enterprise; with `cores`). @default anywhere */
  readonly numa?: NumaOptions;
}

/**
 * A device such as a GPU.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/device
 */
export interface DeviceOptions {
  /** @default 1 */
  readonly count?: number;
  /** Conditions that the device must meet, e.g. on `${device.attr.memory}`. @default none */
  readonly constraints?: readonly Constraint[];
  /** Preferences among devices. @default none */
  readonly affinities?: readonly Affinity[];
}

/** @internal */
export const DEVICE_SHAPE: is.Shape<DeviceOptions> = {
  count: is.number,
  constraints: is.list(is.made("a Constraint, such as Constraint.equals(…)")),
  affinities: is.list(is.made("an Affinity, such as Affinity.equals(…)")),
};

/** @see https://developer.hashicorp.com/nomad/docs/job-specification/numa */
export interface NumaOptions {
  /** Whether its cores must be, or had better be, of one NUMA node. @default "none" */
  readonly affinity?: "none" | "prefer" | "require";
  /** Those of `devices` that are to be of the same NUMA node. @default none */
  readonly devices?: readonly string[];
}

/** @internal */
export const NUMA_SHAPE: is.Shape<NumaOptions> = {
  affinity: is.oneOf(["none", "prefer", "require"]),
  devices: is.list(is.text),
};

/** @internal */
export const RESOURCE_SHAPE: is.Shape<ResourceOptions> = {
  cpuMhz: is.number,
  cores: is.number,
  memoryMib: is.number,
  memoryMaxMib: is.number,
  secretsMib: is.number,
  devices: is.named(is.block(DEVICE_SHAPE)),
  numa: is.block(NUMA_SHAPE),
};

/** @internal */
export function renderResources(resources: ResourceOptions): nomad.Resources {
  const { devices, numa } = resources;
  return {
    CPU: resources.cpuMhz,
    Cores: resources.cores,
    MemoryMB: resources.memoryMib,
    MemoryMaxMB: resources.memoryMaxMib,
    SecretsMB: resources.secretsMib,
    Devices:
      devices &&
      Object.entries(devices).map(([name, { count, constraints, affinities }]) => ({
        Name: name,
        Count: count,
        Constraints: constraints?.map((constraint) => constraint.rendered),
        Affinities: affinities?.map((affinity) => affinity.rendered),
      })),
    NUMA: numa && { Affinity: numa.affinity, Devices: numa.devices },
  };
}
