import type { Command } from "commander";
import { IS_CLONE } from "../lab/core/invocation";
import { prepareMachine } from "../lab/machine/prepare-machine";
import { interruptible } from "./interruptible";
import { jsonOption, print } from "./json";

/** `meshform install`: everything that the lab, and in a clone the tests too, need of this machine. */
export function registerInstall(program: Command): void {
  program
    .command("install")
    .description(`install what is missing for the lab${IS_CLONE ? " and the tests" : ""}: Debian packages and engines`)
    .addOption(jsonOption())
    .action(async ({ json }: { json?: boolean }) => {
      const engines = await interruptible((signal) => prepareMachine({ tests: IS_CLONE, signal }));
      print({ engines: Object.values(engines) }, json, (it) => {
        const list = it.engines.map(({ name, version, origin }) =>
          origin === "PATH" ? `${name} ${version} (PATH)` : `${name} ${version}`,
        );
        return `Everything is installed: ${list.join(", ")}.`;
      });
    });
}
