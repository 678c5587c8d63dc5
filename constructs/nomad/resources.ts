import * as is from "../core/shape";
import type * as nomad from "./generated/job";
import type { Affinity, Constraint } from "./placement";

/**
 * Resources of the node that Nomad reserves for a task.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/resources
 */
export interface ResourceOptions {
  /** Share of the CPU in MHz. @default 100 */
  readonly cpuMhz?: number;
  /** Number of cores reserved for the task alone. It cannot be combined with `cpuMhz`. @default none */
  readonly cores?: number;
  /** Memory in MiB. @default 300 */
  readonly memoryMib?: number;
  /** Maximum memory in MiB, if the node has more memory available. @default `memoryMib` */
  readonly memoryMaxMib?: number;
  /** Size of the task's directory `secrets` in MiB, which counts towards its memory. @default 1 */
  readonly secretsMib?: number;
  /** Devices reserved for the task, by name in Nomad: `type`, `vendor/type` or `vendor/type/name`. @default none */
  readonly devices?: Readonly<Record<string, DeviceOptions>>;
  /** NUMA placement of the cores (Enterprise; requires `cores`). @default any cores */
  readonly numa?: NumaOptions;
}

/**
 * A device such as a GPU.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/device
 */
export interface DeviceOptions {
  /** Number of devices. @default 1 */
  readonly count?: number;
  /** Conditions that the device must meet, such as on `${device.attr.memory}`. @default none */
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

/** NUMA placement of a task's cores. @see https://developer.hashicorp.com/nomad/docs/job-specification/numa */
export interface NumaOptions {
  /** Whether all cores of the task should (`prefer`) or must (`require`) be on the same NUMA node. @default "none" */
  readonly affinity?: "none" | "prefer" | "require";
  /** Names of `devices` that must be on the same NUMA node as the cores. @default none */
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
