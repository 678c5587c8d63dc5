import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { LabError } from "../lab/errors";
import { registerDoctor } from "./doctor";
import { registerDown } from "./down";
import { registerEnv } from "./env";
import { registerExec } from "./exec";
import { registerGraph } from "./graph";
import { registerInstall } from "./install";
import { Interruption } from "./interruptible";
import { registerLogs } from "./logs";
import { registerStatus } from "./status";
import { registerUp } from "./up";

/** How the process ends, as shells and sysexits.h have it. */
const EXIT = { failure: 1, usage: 2, defect: 70 } as const;

/** Runs the command that the arguments name, and sets the exit code of the process. */
export async function main(): Promise<void> {
  const manifest = JSON.parse(readFileSync(join(__dirname, "..", "package.json"), "utf8")) as { version: string };
  const program = new Command("meshform")
    .description("A Consul service mesh on Nomad: as code, and as a lab on this machine.")
    .version(manifest.version)
    .exitOverride()
    .showHelpAfterError("Run `meshform --help` to see what there is.");
  registerUp(program);
  registerStatus(program);
  registerLogs(program);
  registerExec(program);
  registerGraph(program);
  registerEnv(program);
  registerDown(program);
  registerInstall(program);
  registerDoctor(program);
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): number {
  // Commander has already said what is wrong; its help and version end here too, with code 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  if (error instanceof Interruption) {
    console.error("Stopped.");
    return error.exitCode;
  }
  if (error instanceof LabError) {
    console.error(`${error.problem}\n${error.fix}`);
    return EXIT.failure;
  }
  console.error("Meshform has a defect:", error);
  return EXIT.defect;
}
