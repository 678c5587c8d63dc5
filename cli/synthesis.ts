import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readReport } from "../constructs/checks/report";
import type { Synthesis } from "../graph/diff";
import type { AppSource } from "../lab/app/app-source";
import { readStacks } from "../lab/apply/synthesized";
import { synthesizeApp } from "../lab/app/synthesize-app";

/**
 * Synthesizes an app into a folder that is gone afterwards, and prints to standard error what its checks warn of.
 *
 * @param profile of the lab that it is for; `own` leaves the app its own settings
 */
export async function synthesis(
  app: AppSource,
  signal: AbortSignal,
  profile: "own" | "plain" = "plain",
): Promise<Synthesis> {
  const folder = mkdtempSync(join(tmpdir(), "meshform-app-"));
  try {
    const warnings = await synthesizeApp(app, folder, { signal, profile });
    if (warnings) console.error(warnings);
    return { stacks: readStacks(folder), report: readReport(folder) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
