import type { Command } from "commander";
import { labEnvironment } from "../lab/environment";
import { labOption } from "./lab-option";

/** `meshform env`: what makes consul, nomad and terraform on this machine talk to a lab. */
export function registerEnv(program: Command): void {
  program
    .command("env")
    .description("print what makes consul, nomad and terraform talk to a lab; its tokens too, so mind where it goes")
    .addOption(labOption())
    .option("--datacenter <name>", "which one, where the lab has several (default: the first)")
    .addHelpText("after", '\nFor a shell: eval "$(meshform env)"')
    .action(({ name, datacenter }: { name: string; datacenter?: string }) => {
      for (const [variable, value] of Object.entries(labEnvironment(name, datacenter))) {
        console.log(`export ${variable}=${value}`);
      }
    });
}
