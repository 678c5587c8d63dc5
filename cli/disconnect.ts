import { InvalidArgumentError, Option, type Command } from "commander";
import { Cluster } from "../lab/cluster";
import { disconnect } from "../lab/disconnect";
import { enginesOfEnvironment } from "../lab/engines-of-environment";
import { LabError } from "../lab/errors";
import { invocation } from "../lab/invocation";
import { Lab } from "../lab/lab";
import { interruptible } from "./interruptible";
import { labOption } from "./lab-option";

interface Options {
  readonly name: string;
  readonly environment?: boolean;
  readonly timeout: number;
}

/** `meshform disconnect`: has the intentions decide on open connections too. */
export function registerDisconnect(program: Command): void {
  program
    .command("disconnect")
    .description("close the open connections of one service to another, which its intentions do not allow any more")
    .argument("<source>", "the service that has lost its access; * for every source")
    .argument("<destination>", "the service that it must not reach")
    .addOption(labOption())
    .addOption(
      new Option(
        "--environment",
        "the cluster that CONSUL_HTTP_ADDR, NOMAD_ADDR and their tokens name, not a lab",
      ).conflicts("name"),
    )
    .option("--timeout <seconds>", "time limit for each instance", seconds, 120)
    .addHelpText(
      "after",
      "\nRestarts the Envoys of the destination, one instance after another. Connections of other sources are closed\n" +
        "too, and open again; requests on their way through an instance are lost.",
    )
    .action(async (source: string, destination: string, { name, environment = false, timeout }: Options) => {
      const clusters = environment ? [enginesOfEnvironment(process.env)] : clustersOf(name);
      const count = await interruptible((signal) =>
        disconnect(clusters, { source, destination, timeoutMs: timeout * 1000, signal }),
      );
      const instances = count === 1 ? "the only instance" : `all ${count} instances`;
      console.log(`Every connection to ${instances} of ${destination} has been closed.`);
    });
}

function clustersOf(name: string): Cluster[] {
  const lab = new Lab(name);
  if (!lab.exists)
    throw new LabError(`There is no lab ${name}.`, `Run \`${invocation("up")}\`, or give --environment.`);
  return Cluster.all(lab);
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("It must be a number of seconds above 0.");
  return value;
}
