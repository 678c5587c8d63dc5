import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A stack as the toolkit synthesizes it, and the stacks that come before it. */
export type StackJson = Record<string, unknown> & { readonly dependencies?: readonly string[] };

/** A `cdktf.out` folder and a state folder for one test. */
export class SynthesizedApp {
  readonly folder = mkdtempSync(join(tmpdir(), "meshform-apply-"));
  readonly outDir = join(this.folder, "cdktf.out");
  readonly stateDir = join(this.folder, "state");

  /** Replaces all stacks. */
  synthesize(stacks: Readonly<Record<string, StackJson>>): void {
    rmSync(this.outDir, { recursive: true, force: true });
    const entries = Object.entries(stacks).map(([name, { dependencies = [], ...config }]) => {
      const workingDirectory = `stacks/${name}`;
      mkdirSync(join(this.outDir, workingDirectory), { recursive: true });
      writeFileSync(join(this.outDir, workingDirectory, "cdk.tf.json"), JSON.stringify(config));
      const synthesizedStackPath = `${workingDirectory}/cdk.tf.json`;
      return [
        name,
        { name, constructPath: name, dependencies, workingDirectory, synthesizedStackPath, annotations: [] },
      ];
    });
    mkdirSync(this.outDir, { recursive: true });
    const manifest = { version: "0.21.0", stacks: Object.fromEntries(entries) as unknown };
    writeFileSync(join(this.outDir, "manifest.json"), JSON.stringify(manifest));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
