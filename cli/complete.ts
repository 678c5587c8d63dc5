import type { Argument, Complete, Option } from "@bomb.sh/tab";
import tab from "@bomb.sh/tab/commander";
import type { Command } from "commander";
import { readDocuments } from "../lab/apply/documents";
import { readStacks } from "../lab/apply/synthesized";
import { LabFiles, labNames } from "../lab/core/lab-files";

type Names = () => readonly string[];

/** The names that an option or an argument can be, in any command, in addition to the choices that the command lists. */
const OPTIONS: Readonly<Record<string, Names>> = { name: labNames };
const ARGUMENTS: Readonly<Record<string, Names>> = { service: services, source: services, destination: services };

/** `meshform complete`: prints the script with which a shell completes commands, options and names, and answers that script. */
export function registerComplete(program: Command): void {
  const { commands } = tab(program);
  program.commands
    .at(-1)
    ?.description(
      "print a script for bash, zsh, fish or powershell that completes commands, options, labs and services",
    );
  for (const { options, arguments: positional } of commands.values()) {
    for (const [name, names] of Object.entries(OPTIONS)) suggest(options.get(name), names);
    for (const [name, names] of Object.entries(ARGUMENTS)) suggest(positional.get(name), names);
  }
}

function suggest(word: Option | Argument | undefined, names: Names): void {
  if (word === undefined) return;
  word.handler = (complete: Complete) => {
    for (const name of known(names)) complete(name, "");
  };
}

/** Labs can be read only by root. Others get no suggestion, and no error in the middle of a line. */
function known(names: Names): readonly string[] {
  try {
    return [...new Set(names())].sort();
  } catch {
    return [];
  }
}

/** The services of all labs, as they were synthesized last. */
function services(): readonly string[] {
  return labNames().flatMap((lab) =>
    readDocuments(readStacks(new LabFiles(lab).synthesized)).jobs.flatMap(({ job }) =>
      (job.TaskGroups ?? []).flatMap(({ Services }) => (Services ?? []).flatMap(({ Name }) => Name ?? [])),
    ),
  );
}
