import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { EngineRefusal } from "../lab/cluster/engine-api";
import { LabError } from "../lab/core/errors";
import { invocation } from "../lab/core/invocation";
import { Interruption, watchReader } from "./interruptible";
import { keepStdoutForJson, printJson, type JsonError } from "./json";

/** How the process ends, as shells and sysexits.h have it. */
const EXIT = { failure: 1, usage: 2, defect: 70 } as const;

const load = createRequire(__filename);

/** Only the command that is asked for is loaded, since loading all takes longer than most of them; for the help it is all. */
const COMMANDS: Readonly<Record<string, (program: Command) => void>> = {
  init: (program) => (load("./init") as typeof import("./init")).registerInit(program),
  up: (program) => (load("./up") as typeof import("./up")).registerUp(program),
  list: (program) => (load("./list") as typeof import("./list")).registerList(program),
  status: (program) => (load("./status") as typeof import("./status")).registerStatus(program),
  health: (program) => (load("./health") as typeof import("./health")).registerHealth(program),
  logs: (program) => (load("./logs") as typeof import("./logs")).registerLogs(program),
  exec: (program) => (load("./exec") as typeof import("./exec")).registerExec(program),
  graph: (program) => (load("./graph") as typeof import("./graph")).registerGraph(program),
  checks: (program) => (load("./checks") as typeof import("./checks")).registerChecks(program),
  check: (program) => (load("./check") as typeof import("./check")).registerCheck(program),
  diff: (program) => (load("./diff") as typeof import("./diff")).registerDiff(program),
  explain: (program) => (load("./explain") as typeof import("./explain")).registerExplain(program),
  import: (program) => (load("./import") as typeof import("./import")).registerImport(program),
  disconnect: (program) => (load("./disconnect") as typeof import("./disconnect")).registerDisconnect(program),
  connect: (program) => (load("./connect") as typeof import("./connect")).registerConnect(program),
  env: (program) => (load("./env") as typeof import("./env")).registerEnv(program),
  down: (program) => (load("./down") as typeof import("./down")).registerDown(program),
  install: (program) => (load("./install") as typeof import("./install")).registerInstall(program),
  doctor: (program) => (load("./doctor") as typeof import("./doctor")).registerDoctor(program),
};

/** Runs the command that the arguments name, and sets the exit code of the process. */
export async function main(): Promise<void> {
  watchReader();
  const manifest = JSON.parse(readFileSync(require.resolve("meshform/package.json"), "utf8")) as { version: string };
  const program = new Command("meshform")
    .description("A Consul service mesh on Nomad: as code, and as a lab on this machine.")
    .version(manifest.version)
    .exitOverride()
    .showHelpAfterError("Run `meshform --help` for a list of commands.");
  const [, , asked = ""] = process.argv;
  const isOne = Object.hasOwn(COMMANDS, asked);
  for (const [name, register] of Object.entries(COMMANDS)) {
    if (name === asked || !isOne) register(program);
  }
  // Completes what is registered before it.
  if (!isOne) (load("./complete") as typeof import("./complete")).registerComplete(program);
  // Before commander reads the options, since its own errors are JSON too.
  const json = isJson(program, process.argv.slice(2));
  if (json) keepStdoutForJson();
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = report(error);
    if (json && process.exitCode !== 0) printJson(asJson(error));
  }
}

/** Whether the command that is asked for has `--json`, and is given it. */
function isJson(program: Command, [name, ...args]: readonly string[]): boolean {
  const command = program.commands.find((it) => it.name() === name);
  return args.includes("--json") && command?.options.some(({ long }) => long === "--json") === true;
}

function asJson(error: unknown): JsonError {
  if (error instanceof LabError) return { error: { problem: error.problem, fix: error.fix } };
  if (error instanceof CommanderError) return { error: { problem: error.message.replace(/^error: /, "") } };
  const problem = error instanceof Error ? error.message : String(error);
  return {
    error: {
      problem:
        error instanceof Interruption || error instanceof EngineRefusal ? problem : `Meshform has a defect: ${problem}`,
    },
  };
}

function report(error: unknown): number {
  // Commander has already said what is wrong; its help and version end here too, with code 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  if (error instanceof Interruption) {
    if (error.signal !== "SIGPIPE") console.error("Stopped.");
    return error.exitCode;
  }
  if (error instanceof LabError) {
    console.error(`${error.problem}\n${error.fix}`);
    return EXIT.failure;
  }
  if (error instanceof EngineRefusal && error.status >= 500) {
    console.error(
      `${error.message}\nRun \`${invocation("status")}\` to see which agents are not healthy, then try again.`,
    );
    return EXIT.failure;
  }
  console.error("Meshform has a defect:", error);
  return EXIT.defect;
}
