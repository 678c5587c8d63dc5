import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readReport } from "../constructs/checks/report";
import type { Synthesis } from "../graph/diff";
import type { AppSource } from "../lab/app-source";
import { readStacks } from "../lab/apply/synthesized";
import { synthesizeApp } from "../lab/synthesize-app";

/** Synthesizes an app into a folder that is gone afterwards, and prints to standard error what its checks warn of. */
export async function synthesis(app: AppSource, signal: AbortSignal): Promise<Synthesis> {
  const folder = mkdtempSync(join(tmpdir(), "meshform-app-"));
  try {
    const warnings = await synthesizeApp(app, folder, signal);
    if (warnings) console.error(warnings);
    return { stacks: readStacks(folder), report: readReport(folder) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
