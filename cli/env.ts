import type { Command } from "commander";
import { labEnvironment } from "../lab/commands/environment";
import { labOption } from "./lab-option";

/** `meshform env`: what makes consul, nomad and terraform on this machine talk to a lab. */
export function registerEnv(program: Command): void {
  program
    .command("env")
    .description("print the environment variables for consul, nomad and terraform, including tokens")
    .addOption(labOption())
    .option("--datacenter <name>", "the datacenter, if the lab has several (default: the first)")
    .addHelpText("after", '\nFor a shell: eval "$(meshform env)"')
    .action(({ name, datacenter }: { name: string; datacenter?: string }) => {
      for (const [variable, value] of Object.entries(labEnvironment(name, datacenter))) {
        console.log(`export ${variable}=${value}`);
      }
    });
}
