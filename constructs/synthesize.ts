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
  const wantsTraces = process.env.MESHFORM_STACK_TRACES === "1";
  const { sourceMapsEnabled } = process;
  // cdktf takes a stack trace of each token, and mapping those to TypeScript would take as long as all the rest.
  process.setSourceMapsEnabled(sourceMapsEnabled && wantsTraces);
  try {
    const app = new App(config);
    build(app);
    app.synth();
  } catch (error) {
    if (!(error instanceof Error) || wantsTraces) {
      throw error;
    }
    console.error(`${error.message.trimEnd()}\n(MESHFORM_STACK_TRACES=1 shows where in the code.)`);
    process.exitCode = 1;
  } finally {
    process.setSourceMapsEnabled(sourceMapsEnabled);
  }
}
