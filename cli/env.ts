import type { Command } from "commander";
import { labEnvironment } from "../lab/commands/environment";
import { jsonOption, print } from "./json";
import { labOption } from "./lab-option";

/** `meshform env`: what makes consul, nomad and terraform on this machine talk to a lab. */
export function registerEnv(program: Command): void {
  program
    .command("env")
    .description("print the environment variables for consul, nomad and terraform, including tokens")
    .addOption(labOption())
    .option("--datacenter <name>", "the datacenter, if the lab has several (default: the first)")
    .addOption(jsonOption())
    .addHelpText("after", '\nFor a shell: eval "$(meshform env)"')
    .action(({ name, datacenter, json }: { name: string; datacenter?: string; json?: boolean }) => {
      print(labEnvironment(name, datacenter), json, (variables) =>
        Object.entries(variables)
          .map(([variable, value]) => `export ${variable}=${value}`)
          .join("\n"),
      );
    });
}
