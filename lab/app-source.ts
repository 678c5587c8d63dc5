import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { LabError } from "./errors";

/** What runs an app. */
export interface AppSource {
  /** How messages name it. */
  readonly name: string;
  readonly program: string;
  /** @default a shell runs the program's text */
  readonly args?: readonly string[];
}

/** The part of cdktf.json that matters here. */
interface CdktfConfig {
  readonly app?: string;
  readonly context?: Readonly<Record<string, unknown>>;
}

/** Where there is no cdktf.json. */
const USUAL_FILE = "main.ts";

/**
 * Finds what runs an app: a file, in TypeScript or JavaScript, or else the command that cdktf itself runs, `app` in the
 * cdktf.json of the working directory.
 *
 * @param file @default what cdktf.json says, or main.ts
 * @throws LabError if there is none
 */
export function findApp(file?: string): AppSource {
  const { app } = readCdktfConfig();
  if (file === undefined && app !== undefined) return { name: "the app in cdktf.json", program: app };
  const path = resolve(file ?? USUAL_FILE);
  if (!existsSync(path)) {
    throw new LabError(
      file === undefined ? `There is neither a cdktf.json with an app here nor ${path}.` : `There is no app ${path}.`,
      "Name the app's file with --app, or run this in the folder of its cdktf.json.",
    );
  }
  return {
    name: file ?? USUAL_FILE,
    program: process.execPath,
    args: ["--import", pathToFileURL(require.resolve("tsx")).href, path],
  };
}

/** The context of the cdktf.json in the working directory. @default {} */
export function contextOfProject(): Readonly<Record<string, unknown>> {
  return readCdktfConfig().context ?? {};
}

function readCdktfConfig(): CdktfConfig {
  const file = join(process.cwd(), "cdktf.json");
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, "utf8")) as CdktfConfig;
  } catch (error) {
    throw new LabError(`${file} is not JSON: ${(error as Error).message}.`, "Correct it.", { cause: error });
  }
}
