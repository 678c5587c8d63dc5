import { InvalidArgumentError } from "commander";

/** Reads a time limit. @throws InvalidArgumentError unless it is a number above 0 */
export function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("It must be a number of seconds above 0.");
  return value;
}
