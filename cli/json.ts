import { Option } from "commander";

/** What `--json` prints in place of a result when a command fails. The exit code is the same as without it. */
export interface JsonError {
  readonly error: {
    /** What went wrong. */
    readonly problem: string;
    /** What to do about it. @default the problem says it */
    readonly fix?: string;
  };
}

const write = process.stdout.write.bind(process.stdout);

/** `--json`, of each command whose result a script would read. */
export function jsonOption(): Option {
  return new Option("--json", "print the result, or the error, as JSON; anything else goes to standard error");
}

/** Leaves standard output to {@link print}: what libraries and tasks print there, such as their progress, goes to standard error. */
export function keepStdoutForJson(): void {
  process.stdout.write = process.stderr.write.bind(process.stderr);
}

/** Prints a result, as JSON or as text. */
export function print<Result>(result: Result, json: boolean | undefined, render: (result: Result) => string): void {
  if (json === true) printJson(result);
  else console.log(render(result));
}

export function printJson(value: unknown): void {
  write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** One of many results, on a line of its own. */
export function printJsonLine(value: unknown): void {
  write(`${JSON.stringify(value)}\n`);
}
