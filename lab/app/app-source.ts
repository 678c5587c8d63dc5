import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { LabError } from "../core/errors";

/** What runs an app. */
export interface AppSource {
  /** How messages name it. */
  readonly name: string;
  /** Absolute folder in which it runs. */
  readonly folder: string;
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
 * cdktf.json of its folder.
 *
 * @param file @default what cdktf.json says, or main.ts
 * @param folder @default the working directory
 * @throws LabError if there is none
 */
export function findApp(file?: string, folder = process.cwd()): AppSource {
  const { app } = readCdktfConfig(folder);
  if (file === undefined && app !== undefined) return { name: "the app in cdktf.json", folder, program: app };
  const path = resolve(folder, file ?? USUAL_FILE);
  if (!existsSync(path)) {
    throw new LabError(
      file === undefined
        ? `Neither a cdktf.json with an app nor ${path} exists here.`
        : `The app ${path} does not exist.`,
      "Set the app's file with --app, or run this in the directory of its cdktf.json.",
    );
  }
  return {
    name: file ?? USUAL_FILE,
    folder,
    program: process.execPath,
    args: ["--import", pathToFileURL(require.resolve("tsx")).href, path],
  };
}

/** Whether a folder has a cdktf.json with an app. @param folder @default the working directory */
export function hasApp(folder = process.cwd()): boolean {
  return readCdktfConfig(folder).app !== undefined;
}

/** The context of the cdktf.json in a folder, the working directory for example. @default {} */
export function contextOfProject(folder = process.cwd()): Readonly<Record<string, unknown>> {
  return readCdktfConfig(folder).context ?? {};
}

function readCdktfConfig(folder: string): CdktfConfig {
  const file = join(folder, "cdktf.json");
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, "utf8")) as CdktfConfig;
  } catch (error) {
    throw new LabError(`${file} is not JSON: ${(error as Error).message}.`, "Correct it.", { cause: error });
  }
}
