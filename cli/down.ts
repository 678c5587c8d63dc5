import type { Command } from "commander";
import { allLabs, down } from "../lab/down";
import { labOption } from "./lab-option";

/** `meshform down`: nothing of a lab is left afterwards. */
export function registerDown(program: Command): void {
  program
    .command("down")
    .description("remove a lab and its data; succeeds too if it does not exist")
    .addOption(labOption())
    .option("--all", "remove all labs of this machine")
    .action(async ({ name, all }: { name: string; all?: boolean }) => {
      const names = all ? allLabs() : [name];
      for (const lab of names) {
        const started = Date.now();
        const found = await down(lab);
        const seconds = ((Date.now() - started) / 1000).toFixed(1);
        console.log(found ? `Removed lab ${lab} (${seconds} s).` : `There is no lab ${lab}: nothing to do.`);
      }
      if (names.length === 0) console.log("There is no lab: nothing to do.");
    });
}
