import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { App } from "cdktf";
import type { IConstruct } from "constructs";
import type { Check } from "./check";
import type { Report } from "./run";

/** What the checks say of an app, as it is written next to the synthesized stacks. */
export interface ChecksFile {
  readonly checks: readonly Pick<Check, "id" | "level" | "reason">[];
  readonly findings: readonly {
    readonly id: string;
    readonly level: Check["level"];
    /** Path of the construct. */
    readonly path: string;
    readonly problem: string;
    readonly fix: string;
  }[];
  readonly silences: readonly {
    readonly id: string;
    readonly path: string;
    readonly reason: string;
    /** How many findings it accepts. */
    readonly findings: number;
  }[];
}

/** Path of the file in the folder of the synthesized output. */
export const CHECKS_FILE = join("meshform", "checks.json");

/** Writes the report into the app's output folder, also where its errors end synthesis. */
export function writeReport(root: IConstruct, { checks, findings, silences }: Report): void {
  if (!App.isApp(root)) {
    return;
  }
  const content: ChecksFile = {
    checks: checks.map(({ id, level, reason }) => ({ id, level, reason })),
    findings: findings.map(({ check: { id, level }, path, problem, fix }) => ({ id, level, path, problem, fix })),
    silences: silences.map(({ id, path, reason, findings: count }) => ({ id, path, reason, findings: count })),
  };
  const file = join(root.outdir, CHECKS_FILE);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`);
}
