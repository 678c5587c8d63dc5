import { App, type AppConfig } from "cdktf";

/**
 * Builds an app and synthesizes it. What is wrong is printed as sentences, without a stack trace, and the exit code is 1.
 *
 * @example
 * synthesize((app) => {
 *   const { mesh } = new MeshStack(app, "mesh", readSettings(app));
 * });
 */
export function synthesize(build: (app: App) => void, config: AppConfig = {}): void {
  try {
    const app = new App(config);
    build(app);
    app.synth();
  } catch (error) {
    if (!(error instanceof Error) || process.env.MESHFORM_STACK_TRACES === "1") {
      throw error;
    }
    console.error(`${error.message.trimEnd()}\n(MESHFORM_STACK_TRACES=1 shows where in the code.)`);
    process.exitCode = 1;
  }
}
