import { dirname, join, relative, sep } from "node:path";
import { App, type AppConfig } from "cdktf";
import { userFrameOf } from "./core/stack-frame";

/** Folders of the package itself. */
const OWN = [__dirname, join(dirname(__dirname), "stacks")].map((folder) => folder + sep);

/**
 * Builds an app and synthesizes it. What is wrong is printed as sentences, after the line of the app that it comes from,
 * without a stack trace, and the exit code is 1.
 *
 * @example
 * synthesize((app) => {
 *   const { mesh } = new MeshStack(app, "mesh", readSettings(app));
 * });
 */
export function synthesize(build: (app: App) => void, config: AppConfig = {}): void {
  const wantsTraces = process.env.MESHFORM_STACK_TRACES === "1";
  const { sourceMapsEnabled } = process;
  // cdktf takes a stack trace of each token, and mapping those to TypeScript would take as long as all the rest.
  process.setSourceMapsEnabled(sourceMapsEnabled && wantsTraces);
  let isBuilt = false;
  try {
    const app = new App(config);
    build(app);
    isBuilt = true;
    app.synth();
  } catch (error) {
    if (!(error instanceof Error) || wantsTraces) {
      throw error;
    }
    // A trace is mapped when it is read for the first time.
    process.setSourceMapsEnabled(sourceMapsEnabled);
    const place = isBuilt ? undefined : placeOf(error);
    const prefix = place === undefined ? "" : `${place}: `;
    console.error(`${prefix}${error.message.trimEnd()}\n(MESHFORM_STACK_TRACES=1 shows the stack trace.)`);
    process.exitCode = 1;
  } finally {
    process.setSourceMapsEnabled(sourceMapsEnabled);
  }
}

/** The line of the app's own code that an error comes from, as `main.ts:12:9`. */
function placeOf({ stack = "" }: Error): string | undefined {
  for (const line of stack.split("\n")) {
    const frame = userFrameOf(line);
    if (frame && !OWN.some((folder) => frame.file.startsWith(folder)))
      return `${relative(process.cwd(), frame.file)}${frame.position}`;
  }
  return undefined;
}
