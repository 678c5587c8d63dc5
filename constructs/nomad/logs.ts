import * as is from "../core/shape";
import type * as nomad from "./generated/job";

/**
 * Log files of a task. Nomad keeps separate files for stdout and stderr.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/logs
 */
export interface LogOptions {
  /** Maximum number of files for each of stdout and stderr, including the current one. @default 10 */
  readonly maxFiles?: number;
  /** Maximum size of a file, in MiB. @default 10 */
  readonly maxFileSizeMib?: number;
  /** Whether Nomad collects no logs. The driver can then handle them. @default false */
  readonly disabled?: boolean;
}

/** @internal */
export const LOG_SHAPE: is.Shape<LogOptions> = {
  maxFiles: is.number,
  maxFileSizeMib: is.number,
  disabled: is.flag,
};

/** @internal */
export function renderLogs({ maxFiles, maxFileSizeMib, disabled }: LogOptions): nomad.LogConfig {
  return { MaxFiles: maxFiles, MaxFileSizeMB: maxFileSizeMib, Disabled: disabled };
}
