import type { Command } from "commander";
import { allLabs, down } from "../lab/commands/down";
import { removeEngines } from "../lab/machine/engines/cache";
import { LabError } from "../lab/core/errors";
import { jsonOption, print } from "./json";
import { labOption } from "./lab-option";

interface Options {
  readonly name: string;
  readonly all?: boolean;
  readonly cache?: boolean;
  readonly json?: boolean;
}

/** What `meshform down --json` prints. */
export interface Removal {
  readonly labs: readonly { readonly name: string; readonly existed: boolean; readonly seconds: number }[];
  /** With `--cache`: the folder whose engines were removed; null if there were none. */
  readonly engines?: string | null;
}

/** `meshform down`: nothing of a lab is left afterwards. */
export function registerDown(program: Command): void {
  program
    .command("down")
    .description("remove a lab and its data; succeeds too if it does not exist")
    .addOption(labOption())
    .option("--all", "remove all labs of this machine")
    .option("--cache", "also remove the engines from the user's cache folder; no other lab may be left")
    .addOption(jsonOption())
    .action(async ({ name, all, cache, json }: Options) => {
      const names = all ? allLabs() : [name];
      const others = allLabs().filter((lab) => !names.includes(lab));
      if (cache && others.length > 0) {
        throw new LabError(
          `These labs use the engines in the cache: ${others.join(", ")}.`,
          "Remove them too, with --all, or leave out --cache.",
        );
      }
      const labs: Removal["labs"][number][] = [];
      for (const lab of names) {
        const started = Date.now();
        labs.push({ name: lab, existed: await down(lab), seconds: (Date.now() - started) / 1000 });
      }
      const engines = cache ? { engines: (await removeEngines()) ?? null } : {};
      print<Removal>({ labs, ...engines }, json, render);
    });
}

function render({ labs, engines }: Removal): string {
  const lines = labs.map(({ name, existed, seconds }) =>
    existed ? `Removed lab ${name} (${seconds.toFixed(1)} s).` : `There is no lab ${name}: nothing to do.`,
  );
  return [
    ...(labs.length === 0 ? ["There is no lab: nothing to do."] : lines),
    ...(engines === undefined
      ? []
      : [engines ? `Removed the engines in ${engines}.` : "There are no engines in the cache."]),
  ].join("\n");
}
