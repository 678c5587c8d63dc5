import type { Command } from "commander";
import { prepareMachine } from "../lab/prepare-machine";
import { interruptible } from "./interruptible";

/** `meshform install`: everything that the lab and the tests need of this machine. */
export function registerInstall(program: Command): void {
  program
    .command("install")
    .description("install what is missing for the lab and the tests: Debian packages and engines")
    .action(async () => {
      const engines = await interruptible((signal) => prepareMachine({ tests: true, signal }));
      const list = Object.values(engines).map(({ name, version, origin }) =>
        origin === "PATH" ? `${name} ${version} (PATH)` : `${name} ${version}`,
      );
      console.log(`Everything is installed: ${list.join(", ")}.`);
    });
}
