import type { Command } from "commander";
import { exec } from "../lab/commands/exec";
import { labOption } from "./lab-option";

/** `meshform exec`: a command, or a shell, on a host of the lab. */
export function registerExec(program: Command): void {
  program
    .command("exec")
    .description("run a command on a host of a lab, a shell if none is given")
    .argument("<host>", "server-1, client-1, …")
    .argument("[command...]", "after two dashes: the command and its arguments")
    .addOption(labOption())
    .addHelpText("after", "\nExample: meshform exec client-1 -- consul members")
    .action(async (host: string, command: string[], { name }: { name: string }) => {
      process.exitCode = await exec(name, host, command.length > 0 ? command : ["sh"]);
    });
}
