import { Option } from "commander";

/** `--name`: which lab a command is about. */
export function labOption(): Option {
  return new Option("--name <lab>", "name of the lab; labs with different names run side by side").default("default");
}
