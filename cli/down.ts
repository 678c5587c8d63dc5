import type { Command } from "commander";
import { allLabs, down } from "../lab/down";
import { labOption } from "./lab-option";

/** `meshform down`: nothing of a lab is left afterwards. */
export function registerDown(program: Command): void {
  program
    .command("down")
    .description("remove a lab with everything in it; well done too when there is none")
    .addOption(labOption())
    .option("--all", "remove every lab of this machine")
    .action(async ({ name, all }: { name: string; all?: boolean }) => {
      const names = all ? allLabs() : [name];
      for (const lab of names) {
        const started = Date.now();
        const found = await down(lab);
        const seconds = ((Date.now() - started) / 1000).toFixed(1);
        console.log(found ? `Lab ${lab} is gone (${seconds} s).` : `There is no lab ${lab}: nothing to do.`);
      }
      if (names.length === 0) console.log("There is no lab: nothing to do.");
    });
}
