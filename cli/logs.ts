import type { Command } from "commander";
import { hostLogs, serviceLogs } from "../lab/commands/logs";
import { interruptible } from "./interruptible";
import { jsonOption, printJsonLine } from "./json";
import { labOption } from "./lab-option";

interface Options {
  readonly name: string;
  readonly host?: string;
  readonly sidecar?: boolean;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** `meshform logs`: what a service, its sidecar or an agent writes. */
export function registerLogs(program: Command): void {
  program
    .command("logs")
    .description("print the logs of a service, its Envoy, or an agent")
    .argument("<service>", "the service; with --host the unit: consul, nomad, boot")
    .addOption(labOption())
    .option("--sidecar", "print the logs of the service's Envoys instead")
    .option("--host <host>", "print the log of a unit on this host")
    .option("-f, --follow", "follow the log")
    .addOption(jsonOption())
    .action((service: string, { name, host, sidecar = false, follow = false, json = false }: Options) =>
      interruptible((signal) => {
        const options = { name, follow, signal, ...(json && { onLine: printJsonLine }) };
        return host === undefined ? serviceLogs(service, sidecar, options) : hostLogs(host, service, options);
      }),
    );
}
