import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AppSource } from "../lab/app-source";
import { readStacks, type SynthesizedStack } from "../lab/apply/synthesized";
import { synthesizeApp } from "../lab/synthesize-app";

/** Synthesizes an app into a folder that is gone afterwards, and prints what its checks warn of to standard error. */
export async function synthesizedStacks(app: AppSource, signal: AbortSignal): Promise<readonly SynthesizedStack[]> {
  const folder = mkdtempSync(join(tmpdir(), "meshform-app-"));
  try {
    const warnings = await synthesizeApp(app, folder, signal);
    if (warnings) console.error(warnings);
    return readStacks(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
