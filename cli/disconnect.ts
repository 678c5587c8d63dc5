import type { Command } from "commander";
import { disconnect } from "../lab/commands/disconnect";
import { clustersOf, environmentOption } from "./cluster-options";
import { interruptible } from "./interruptible";
import { jsonOption, print } from "./json";
import { labOption } from "./lab-option";
import { seconds } from "./seconds";

interface Options {
  readonly name: string;
  readonly environment?: boolean;
  readonly timeout: number;
  readonly json?: boolean;
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
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nRestarts the Envoys of the destination, one instance after another. This also closes connections of other sources,\n" +
        "which then reconnect; requests in flight are lost.",
    )
    .action(async (source: string, destination: string, { name, environment, timeout, json }: Options) => {
      const clusters = clustersOf({ name, environment });
      const count = await interruptible((signal) =>
        disconnect(clusters, { source, destination, timeoutMs: timeout * 1000, signal }),
      );
      print({ source, destination, instances: count }, json, ({ instances }) => {
        const all = instances === 1 ? "the only instance" : `all ${instances} instances`;
        return `Every connection to ${all} of ${destination} has been closed.`;
      });
    });
}
