import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LabError } from "../core/errors";
import { blocksOf, type JsonObject } from "./json";

/** One stack of a `cdktf.out` folder. */
export interface SynthesizedStack {
  readonly name: string;
  /** Names of the stacks that are applied before it. */
  readonly dependencies: readonly string[];
  /** Absolute folder that holds `cdk.tf.json` and the stack's assets. */
  readonly folder: string;
  /** The content of `cdk.tf.json`. */
  readonly config: JsonObject;
}

/**
 * Reads what the app synthesized, in the order in which it is applied.
 *
 * @param outDir A `cdktf.out` folder.
 * @throws LabError when it is none
 */
export function readStacks(outDir: string): SynthesizedStack[] {
  const { stacks } = readJson(join(outDir, "manifest.json")) as { stacks?: Record<string, ManifestStack> };
  if (stacks === undefined) throw new LabError(`${outDir} has a manifest without stacks.`, fix);
  return inOrder(
    Object.values(stacks).map((stack) => ({
      name: stack.name,
      dependencies: stack.dependencies,
      folder: join(outDir, stack.workingDirectory),
      config: readJson(join(outDir, stack.synthesizedStackPath)),
    })),
  );
}

/** The Consul datacenter that a stack is for, as its provider has it literally; undefined where it leaves that to others. */
export function datacenterOf({ config }: Pick<SynthesizedStack, "config">): string | undefined {
  const { consul } = (config.provider ?? {}) as JsonObject;
  const [own] = blocksOf(consul).filter(({ alias }) => alias === undefined);
  const datacenter = (own as JsonObject | undefined)?.datacenter;
  return typeof datacenter === "string" && !datacenter.includes("${") ? datacenter : undefined;
}

interface ManifestStack {
  readonly name: string;
  readonly dependencies: string[];
  readonly workingDirectory: string;
  readonly synthesizedStackPath: string;
}

const fix = "Synthesize the app again (`npx cdktf synth`, as JSON).";

function readJson(file: string): JsonObject {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as JsonObject;
  } catch (error) {
    throw new LabError(`${file} cannot be read: ${(error as Error).message}.`, fix, { cause: error });
  }
}

/** The toolkit has already refused circles among stacks. */
function inOrder(stacks: readonly SynthesizedStack[]): SynthesizedStack[] {
  const ordered = new Set<SynthesizedStack>();
  const add = (stack: SynthesizedStack) => {
    for (const name of stack.dependencies) {
      const dependency = stacks.find((other) => other.name === name);
      if (dependency && !ordered.has(dependency)) add(dependency);
    }
    ordered.add(stack);
  };
  stacks.forEach(add);
  return [...ordered];
}
