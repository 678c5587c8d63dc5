import { chooseEngine, holderOf, requireTerraform } from "./choose-engine";
import { Clusters } from "./clusters";
import { OfflineApply } from "./offline";
import type { ApplyOptions, ApplyResult } from "./options";
import { readStacks } from "./synthesized";
import { TerraformApp } from "./terraform";

export type { ApplyOptions, ApplyResult } from "./options";

/**
 * Brings a cluster to what the synthesized stacks say, also where somebody else has changed it. Can be repeated: what is as it
 * should be stays untouched.
 *
 * @throws LabError with the engine's own words and the resource that they are about
 */
export async function applyStacks(options: ApplyOptions): Promise<ApplyResult> {
  const stacks = readStacks(options.outDir);
  new Clusters(options.endpoints, options.datacenters).check(stacks);
  const choice = await chooseEngine(options, stacks);
  const { engine, reason } = choice;
  if (reason !== undefined) options.onProgress(reason);
  const changes =
    engine === "terraform" ? await choice.app.apply(stacks) : await new OfflineApply(options).apply(stacks);
  return { engine, reason, ...changes };
}

/**
 * Removes from a cluster all that {@link applyStacks} has put there, with the engine that has put it there. Needs the state
 * folder only, and with Terraform the variables that the stacks were applied with; nothing is done where it holds nothing.
 *
 * @throws LabError with the engine's own words and the resource that they are about
 */
export async function destroyStacks(options: ApplyOptions): Promise<ApplyResult> {
  if (holderOf(options.stateDir) !== "terraform") {
    return { engine: "offline", ...(await new OfflineApply(options).destroy()) };
  }
  return { engine: "terraform", ...(await new TerraformApp(requireTerraform(), options).destroy()) };
}
