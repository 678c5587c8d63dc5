import { Option } from "commander";

/** `--app`: the app that a command is about. */
export function appOption(): Option {
  return new Option(
    "--app <file>",
    "file with the app, in TypeScript or JavaScript (default: `app` of cdktf.json, else main.ts)",
  );
}
