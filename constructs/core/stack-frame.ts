/** A line of a stack trace. */
export interface StackFrame {
  /** Absolute path. */
  readonly file: string;
  /** As `:12:9`: line and column. */
  readonly position: string;
}

/** The frame of a line of a stack trace, unless its code is Node's or a package's. */
export function userFrameOf(line: string): StackFrame | undefined {
  const found = /^\s+at (?:.*\()?(?:file:\/\/)?(\/.*?)(:\d+:\d+)\)?(?: \{)?$/.exec(line);
  if (!found || found[1].includes("/node_modules/")) return undefined;
  return { file: found[1], position: found[2] };
}
