import { withoutUndefined } from "../constructs/core/without-undefined";
import type * as nomad from "../constructs/nomad/generated/job";
import { block, call, type Call, type Fields } from "./code";
import { duration, entries, items, logs, resources, set, unless } from "./values";

/** The Envoy that Nomad adds for a service without a `sidecar_task` block. */
const WITHOUT_BLOCK: nomad.SidecarTask = {
  Resources: { CPU: 250, MemoryMB: 128 },
  LogConfig: { MaxFiles: 2, MaxFileSizeMB: 2 },
  ShutdownDelay: 5e9,
};

const WORK_DIR = "${NOMAD_ALLOC_DIR}/..";

/** A `sidecar_task` block with the defaults that Nomad fills in. */
export function completeSidecarTask(task: nomad.SidecarTask | undefined): nomad.SidecarTask {
  if (task === undefined) return WITHOUT_BLOCK;
  const { Resources = {}, LogConfig = {}, ShutdownDelay = 0 } = task;
  return {
    ...task,
    Resources: {
      ...Resources,
      CPU: Resources.CPU ?? (set(Resources.Cores) === undefined ? 100 : undefined),
      MemoryMB: Resources.MemoryMB ?? 300,
    },
    LogConfig: { ...LogConfig, MaxFiles: LogConfig.MaxFiles ?? 10, MaxFileSizeMB: LogConfig.MaxFileSizeMB ?? 10 },
    ShutdownDelay,
  };
}

/** The Envoy of a service. @param complete its task, see {@link completeSidecarTask} */
export function sidecarOf(complete: nomad.SidecarTask, service: nomad.ConsulSidecarService): Call {
  const { image, command, args, work_dir: workDir, ...rest } = (complete.Config ?? {}) as Fields;
  const { Resources = {}, LogConfig = {} } = complete;
  const fromArguments = argumentOptions(args);
  const options = {
    ...fromArguments,
    resources: resources({
      ...withoutUndefined(Resources),
      CPU: unless(Resources.CPU, 250),
      MemoryMB: unless(Resources.MemoryMB, 128),
    }),
    logs: logs({
      ...withoutUndefined(LogConfig),
      MaxFiles: unless(LogConfig.MaxFiles, 2),
      MaxFileSizeMB: unless(LogConfig.MaxFileSizeMB, 2),
    }),
    user: set(complete.User),
    killSignal: set(complete.KillSignal),
    killTimeout: duration(complete.KillTimeout),
    shutdownDelay: duration(unless(complete.ShutdownDelay, 1e9)),
    env: entries(complete.Env),
    meta: entries(complete.Meta),
    tags: items(service.Tags),
    serviceMeta: entries(service.Meta),
    portLabel: set(service.Port),
    config: entries(service.Proxy?.Config) as Fields | undefined,
    disableDefaultTcpCheck: set(service.DisableDefaultTCPCheck),
  };
  const { Driver: driver } = complete;
  if (driver === "exec" || driver === "raw_exec") {
    return call("Sidecar.exec", {
      driver: driver === "exec" ? driver : undefined,
      command: command === "envoy" ? undefined : command,
      ...options,
      logLevel: unless(fromArguments?.logLevel as string | undefined, "info"),
      concurrency: unless(fromArguments?.concurrency as number | undefined, 1),
      driverConfig: block({ image, ...(workDir !== WORK_DIR && { work_dir: workDir }), ...rest }),
    });
  }
  const own = fromArguments === undefined ? { args } : {};
  return call("Sidecar.docker", {
    image,
    ...options,
    driverConfig: block({ command, ...own, work_dir: workDir, ...rest }),
  });
}

/** The options that yield these arguments of Envoy; `undefined` if none do. */
function argumentOptions(args: unknown): Fields | undefined {
  if (!Array.isArray(args)) return undefined;
  const [config, file, levelFlag, logLevel, concurrencyFlag, concurrency, last, ...more] = args as string[];
  const isOurs =
    [config, file, levelFlag, concurrencyFlag, last].join(" ") ===
    "-c ${NOMAD_SECRETS_DIR}/envoy_bootstrap.json -l --concurrency --disable-hot-restart";
  const isKnown = ["trace", "debug", "info", "warning", "error", "critical", "off"].includes(logLevel);
  return isOurs && isKnown && /^\d+$/.test(concurrency) && more.length === 0
    ? { logLevel, concurrency: Number(concurrency) }
    : undefined;
}
