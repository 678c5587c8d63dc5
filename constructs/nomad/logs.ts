import * as is from "../core/shape";
import type * as nomad from "./generated/job";

/**
 * Files into which Nomad writes what a task says, on stdout and on stderr each.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/logs
 */
export interface LogOptions {
  /** Files that are kept, the one being written included. @default 10 */
  readonly maxFiles?: number;
  /** Size in MiB at which a new file begins. @default 10 */
  readonly maxFileSizeMib?: number;
  /** Whether Nomad leaves the logs to the driver. @default false */
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
