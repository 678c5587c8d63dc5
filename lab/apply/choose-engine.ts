import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LabError } from "../core/errors";
import { findProgram } from "../machine/find-program";
import type { ApplyOptions } from "./options";
import { OfflineState } from "./offline-state";
import type { SynthesizedStack } from "./synthesized";
import { isAppliedWithTerraform, TerraformApp, TerraformFailure } from "./terraform";

/** How long the providers may take to be installed, in milliseconds. */
const initMs = 5 * 60_000;
/** The same while there is another way. */
const autoInitMs = 90_000;
/** A registry that does not answer is not waited for twice in this time, in milliseconds. */
const rememberMs = 10 * 60_000;
/** A refusal that comes faster is worth asking for again each time. */
const quickMs = 500;

/** Does without Terraform. */
export interface Offline {
  readonly engine: "offline";
  readonly reason?: string;
}

/** Terraform, with all that it needs installed. */
export interface Terraform {
  readonly engine: "terraform";
  readonly reason?: undefined;
  readonly app: TerraformApp;
}

/**
 * Finds out how stacks are to be applied. What has applied them before keeps them, since only that knows what there is to
 * update and to remove.
 *
 * @throws LabError if the engine asked for cannot be had
 */
export async function chooseEngine(
  options: ApplyOptions,
  stacks: readonly SynthesizedStack[],
): Promise<Offline | Terraform> {
  const { engine, stateDir } = options;
  const holder = holderOf(stateDir);
  if (holder !== undefined && engine !== "auto" && engine !== holder) throw heldBy(holder);
  if (engine === "offline") return { engine };
  if (holder === "offline") return { engine: holder, reason: "These stacks were applied offline before." };

  const isWanted = engine === "terraform" || holder === "terraform";
  const program = isWanted ? requireTerraform() : terraformProgram();
  if (program === undefined) return { engine: "offline", reason: notFound };
  const app = new TerraformApp(program, options);
  const memory = join(stateDir, "terraform-refusal.json");
  const remembered = isWanted ? undefined : recall(memory, program);
  if (remembered !== undefined) return { engine: "offline", reason: remembered };
  options.onProgress("Checking whether Terraform can install the providers.");
  const started = Date.now();
  try {
    await app.initialize(stacks, isWanted ? initMs : autoInitMs);
    rmSync(memory, { force: true });
    return { engine: "terraform", app };
  } catch (error) {
    if (!(error instanceof TerraformFailure)) throw error;
    if (isWanted) throw new LabError(error.problem, installFix, { cause: error });
    app.discard();
    const reason = `Terraform cannot be used here: ${gist(error.words)}`;
    if (Date.now() - started > quickMs) remember(memory, { program, reason });
    return { engine: "offline", reason };
  }
}

/** What has applied stacks from this state folder and not removed them yet. */
export function holderOf(stateDir: string): "terraform" | "offline" | undefined {
  if (isAppliedWithTerraform(stateDir)) return "terraform";
  return new OfflineState(stateDir).resources.length > 0 ? "offline" : undefined;
}

/**
 * Absolute path of Terraform, else of OpenTofu.
 *
 * @throws LabError if there is neither
 */
export function requireTerraform(): string {
  const program = terraformProgram();
  if (program === undefined) throw new LabError(notFound, installFix);
  return program;
}

function terraformProgram(): string | undefined {
  return findProgram("terraform") ?? findProgram("tofu");
}

const notFound = "Neither terraform nor tofu is on PATH.";

const installFix =
  "Make sure that Terraform is on PATH and can reach a registry or a mirror with the providers of Nomad and Consul (see " +
  "`provider_installation` in its CLI configuration), or use `--engine offline`.";

function heldBy(holder: string): LabError {
  return new LabError(
    `These stacks were applied with --engine ${holder}, which has their state.`,
    `Use --engine ${holder}, or remove the lab first.`,
  );
}

/** Why, out of the boxes and wrapped lines of Terraform's first error. */
function gist(words: string): string {
  const [, summary = words, detail = summary] = /Error: (.+)(?:\n\n([^]+?)(?:\n\n|$))?/.exec(words) ?? [];
  const sentence = detail.replace(/\s+/g, " ").trim();
  return sentence.length > 300 ? `${sentence.slice(0, 300)}…` : sentence.replace(/\.?$/, ".");
}

interface Refusal {
  readonly program: string;
  readonly reason: string;
}

function remember(file: string, refusal: Refusal): void {
  mkdirSync(join(file, ".."), { recursive: true, mode: 0o700 });
  writeFileSync(file, JSON.stringify({ ...refusal, at: Date.now() }));
}

function recall(file: string, program: string): string | undefined {
  try {
    const refusal = JSON.parse(readFileSync(file, "utf8")) as Refusal & { at: number };
    const isFresh = Date.now() - refusal.at < rememberMs;
    return isFresh && refusal.program === program ? `${refusal.reason} (Asked a short while ago.)` : undefined;
  } catch {
    return undefined; // There is none, or none that can be read.
  }
}
