import type { Command } from "commander";
import { allLabs, down } from "../lab/commands/down";
import { removeEngines } from "../lab/machine/engines/cache";
import { LabError } from "../lab/core/errors";
import { labOption } from "./lab-option";

/** `meshform down`: nothing of a lab is left afterwards. */
export function registerDown(program: Command): void {
  program
    .command("down")
    .description("remove a lab and its data; succeeds too if it does not exist")
    .addOption(labOption())
    .option("--all", "remove all labs of this machine")
    .option("--cache", "also remove the engines from the user's cache folder; no other lab may be left")
    .action(async ({ name, all, cache }: { name: string; all?: boolean; cache?: boolean }) => {
      const names = all ? allLabs() : [name];
      const others = allLabs().filter((lab) => !names.includes(lab));
      if (cache && others.length > 0) {
        throw new LabError(
          `These labs use the engines in the cache: ${others.join(", ")}.`,
          "Remove them too, with --all, or leave out --cache.",
        );
      }
      for (const lab of names) {
        const started = Date.now();
        const found = await down(lab);
        const seconds = ((Date.now() - started) / 1000).toFixed(1);
        console.log(found ? `Removed lab ${lab} (${seconds} s).` : `There is no lab ${lab}: nothing to do.`);
      }
      if (names.length === 0) console.log("There is no lab: nothing to do.");
      if (!cache) return;
      const removed = await removeEngines();
      console.log(removed ? `Removed the engines in ${removed}.` : "There are no engines in the cache.");
    });
}
