import type { Command } from "commander";
import { invocation } from "../lab/core/invocation";
import { listLabs, type ListedLab } from "../lab/commands/list";
import { jsonOption, print } from "./json";
import { table } from "./table";

/** `meshform list`: the labs of this machine. */
export function registerList(program: Command): void {
  program
    .command("list")
    .description("list the labs of this machine")
    .addOption(jsonOption())
    .addHelpText("after", "\nIt reads what each lab has recorded. `meshform status` also asks its agents.")
    .action(({ json }: { json?: boolean }) => {
      print(listLabs(), json, render);
    });
}

function render(labs: readonly ListedLab[]): string {
  if (labs.length === 0) return `There is no lab. Run \`${invocation("up")}\` to create one.`;
  return table([["LAB", "PROFILE", "DATACENTERS", "HOSTS", "CONSUL"], ...labs.map(rowOf)]).join("\n");
}

function rowOf({ name, profile, datacenters, hosts, running, listeners }: ListedLab): string[] {
  if (!profile) return [name, "incomplete", "", "", `remove it with \`${invocation("down", "--name", name)}\``];
  const consul = listeners.find((each) => each.name === "consul")?.url ?? "not reachable";
  return [name, profile, datacenters.join(", "), `${running}/${hosts} running`, consul];
}
