import { durationText } from "../constructs/core/duration";
import type * as nomad from "../constructs/nomad/generated/job";
import { block, call, type Call, type Fields } from "./code";

/** A duration as the library's options take it. */
export function duration(nanoseconds: number | undefined): string | undefined {
  return nanoseconds === undefined ? undefined : durationText(nanoseconds).replace(/(?<=[hm])(0m)?0s$/, "");
}

/** `undefined` for the value with which Nomad's API says that a field is not set. */
export function set<T extends string | number | boolean>(value: T | undefined): T | undefined {
  return value === "" || value === 0 || value === false ? undefined : value;
}

/** `undefined` for a value that is Nomad's default as well as the library's. */
export function unless<T extends string | number | boolean>(value: T | undefined, ...defaults: T[]): T | undefined {
  return value !== undefined && defaults.includes(value) ? undefined : value;
}

/** `undefined` for a list without items. */
export function items<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}

/** `undefined` for a map without entries. */
export function entries<T>(map: Readonly<Record<string, T>> | undefined): Readonly<Record<string, T>> | undefined {
  return map === undefined || Object.keys(map).length === 0 ? undefined : map;
}

/** Named items of a list, by name. */
export function byName<T extends { readonly Name?: string }>(
  list: readonly T[] | undefined,
  code: (item: T) => Fields,
): Fields | undefined {
  return items(list) && Object.fromEntries((list ?? []).map((item) => [item.Name ?? "", code(item)]));
}

export function constraints(list: readonly nomad.Constraint[] | undefined): readonly Call[] | undefined {
  return items(list)?.map(({ LTarget = "", Operand = "=", RTarget = "" }) => {
    if (Operand === "distinct_hosts" && LTarget === "" && RTarget === "true") return call("Constraint.distinctHosts");
    if (Operand === "is_set" && RTarget === "") return call("Constraint.isSet", LTarget);
    return call("Constraint.of", LTarget, Operand, RTarget);
  });
}

export function affinities(list: readonly nomad.Affinity[] | undefined): readonly Call[] | undefined {
  return items(list)?.map(({ LTarget = "", Operand = "=", RTarget = "", Weight }) =>
    call("Affinity.of", LTarget, Operand, RTarget, ...(Weight === undefined ? [] : [Weight])),
  );
}

export function spreads(list: readonly nomad.Spread[] | undefined): readonly Call[] | undefined {
  return items(list)?.map(({ Attribute = "", Weight, SpreadTarget }) => {
    const targets = Object.fromEntries((SpreadTarget ?? []).map(({ Value = "", Percent = 0 }) => [Value, Percent]));
    if (Weight !== undefined) return call("Spread.over", Attribute, targets, Weight);
    return call("Spread.over", Attribute, targets);
  });
}

export function resources(given: nomad.Resources | undefined): Fields | undefined {
  return (
    given &&
    block({
      cpuMhz: given.CPU,
      cores: set(given.Cores),
      memoryMib: given.MemoryMB,
      memoryMaxMib: set(given.MemoryMaxMB),
      secretsMib: set(given.SecretsMB),
      devices: byName(given.Devices, ({ Count, Constraints, Affinities }) => ({
        count: Count,
        constraints: constraints(Constraints),
        affinities: affinities(Affinities),
      })),
      numa: given.NUMA && block({ affinity: set(given.NUMA.Affinity), devices: items(given.NUMA.Devices) }),
    })
  );
}

export function logs(given: nomad.LogConfig | undefined): Fields | undefined {
  return (
    given && block({ maxFiles: given.MaxFiles, maxFileSizeMib: given.MaxFileSizeMB, disabled: set(given.Disabled) })
  );
}

export function restart(given: nomad.RestartPolicy | undefined): Fields | undefined {
  return (
    given &&
    block({
      attempts: given.Attempts,
      interval: duration(given.Interval),
      delay: duration(given.Delay),
      mode: given.Mode,
      renderTemplates: set(given.RenderTemplates),
    })
  );
}

export function update(given: nomad.UpdateStrategy | undefined): Fields | undefined {
  return (
    given &&
    block({
      maxParallel: given.MaxParallel,
      healthCheck: given.HealthCheck,
      minHealthyTime: duration(given.MinHealthyTime),
      healthyDeadline: duration(given.HealthyDeadline),
      progressDeadline: duration(given.ProgressDeadline),
      autoRevert: given.AutoRevert,
      autoPromote: given.AutoPromote,
      canary: given.Canary,
      stagger: duration(given.Stagger),
    })
  );
}

export function identity(given: nomad.WorkloadIdentity): Fields {
  return {
    audience: items(given.Audience),
    env: set(given.Env),
    file: set(given.File),
    filepath: set(given.Filepath),
    changeMode: set(given.ChangeMode),
    changeSignal: set(given.ChangeSignal),
    ttl: duration(set(given.TTL)),
  };
}

/** Without the fields that an engine returns although they are not set. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, it]) => it !== null)
      .map(([key, it]) => [key, withoutNulls(it)]),
  );
}
