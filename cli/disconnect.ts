import type { Command } from "commander";
import { disconnect } from "../lab/commands/disconnect";
import { clustersOf, environmentOption } from "./cluster-options";
import { interruptible } from "./interruptible";
import { labOption } from "./lab-option";
import { seconds } from "./seconds";

interface Options {
  readonly name: string;
  readonly environment?: boolean;
  readonly timeout: number;
}

/** `meshform disconnect`: has the intentions decide on open connections too. */
export function registerDisconnect(program: Command): void {
  program
    .command("disconnect")
    .description("close open connections between two services that intentions no longer allow")
    .argument("<source>", "the source service; * for all sources")
    .argument("<destination>", "the destination service")
    .addOption(labOption())
    .addOption(environmentOption())
    .option("--timeout <seconds>", "time limit for each instance", seconds, 120)
    .addHelpText(
      "after",
      "\nRestarts the Envoys of the destination, one instance after another. This also closes connections of other sources,\n" +
        "which then reconnect; requests in flight are lost.",
    )
    .action(async (source: string, destination: string, { name, environment, timeout }: Options) => {
      const clusters = clustersOf({ name, environment });
      const count = await interruptible((signal) =>
        disconnect(clusters, { source, destination, timeoutMs: timeout * 1000, signal }),
      );
      const instances = count === 1 ? "the only instance" : `all ${count} instances`;
      console.log(`Every connection to ${instances} of ${destination} has been closed.`);
    });
}
