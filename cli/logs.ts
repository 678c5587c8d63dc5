import type { Command } from "commander";
import { hostLogs, serviceLogs } from "../lab/logs";
import { interruptible } from "./interruptible";
import { labOption } from "./lab-option";

interface Options {
  readonly name: string;
  readonly host?: string;
  readonly sidecar?: boolean;
  readonly follow?: boolean;
}

/** `meshform logs`: what a service, its sidecar or an agent writes. */
export function registerLogs(program: Command): void {
  program
    .command("logs")
    .description("print what a service writes, its Envoy, or an agent of a host")
    .argument("<service>", "the service; with --host the unit: consul, nomad, boot")
    .addOption(labOption())
    .option("--sidecar", "the Envoys of the service instead")
    .option("--host <host>", "the log of a unit of this host")
    .option("-f, --follow", "go on as it grows")
    .action((service: string, { name, host, sidecar = false, follow = false }: Options) =>
      interruptible((signal) => {
        const options = { name, follow, signal };
        return host === undefined ? serviceLogs(service, sidecar, options) : hostLogs(host, service, options);
      }),
    );
}
