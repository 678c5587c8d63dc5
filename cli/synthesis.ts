import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readReport } from "../constructs/checks/report";
import type { Synthesis } from "../graph/diff";
import type { AppSource } from "../lab/app/app-source";
import { readStacks } from "../lab/apply/synthesized";
import { settingsOf, synthesizeApp, type LabOptions } from "../lab/app/synthesize-app";
import { Lab } from "../lab/hosts/lab";

/**
 * Synthesizes an app into a folder that is gone afterwards, and prints to standard error what its checks warn of.
 *
 * @param settings of the lab that it is for. Default: those of a plain one
 */
export async function synthesis(app: AppSource, signal: AbortSignal, settings: LabOptions = {}): Promise<Synthesis> {
  const folder = mkdtempSync(join(tmpdir(), "meshform-app-"));
  try {
    const warnings = await synthesizeApp(app, folder, { ...settings, signal });
    if (warnings) console.error(warnings);
    return { stacks: readStacks(folder), report: readReport(folder) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The settings of an app that is for a lab, or if none is named, its own ones. */
export function settingsFor(lab: string | undefined): LabOptions {
  if (lab === undefined) return { profile: "own" };
  const { topology } = new Lab(lab);
  return topology ? settingsOf(topology) : {};
}
