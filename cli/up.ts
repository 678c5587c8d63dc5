import { InvalidArgumentError, Option, type Command } from "commander";
import { findApp, type AppSource } from "../lab/app/app-source";
import { urlOf } from "../lab/cluster/cluster";
import { LabError } from "../lab/core/errors";
import { Lab } from "../lab/hosts/lab";
import { isEngine } from "../lab/cluster/published";
import { destinationDatacenter } from "../lab/cluster/job-status";
import { isTestable } from "../lab/cluster/verify";
import type { UpOptions } from "../lab/commands/up/run";
import { up, type UpReport } from "../lab/commands/up/up";
import { changesIn } from "../lab/commands/watch";
import { invocation } from "../lab/core/invocation";
import { appOption } from "./app-option";
import { interruptible } from "./interruptible";
import { jsonOption, printJson } from "./json";
import { labOption } from "./lab-option";
import { mostDatacenters } from "../lab/hosts/topology";
import { seconds } from "./seconds";
import { table } from "./table";

interface Options extends Pick<
  UpOptions,
  "name" | "engine" | "datacenters" | "join" | "disks" | "vault" | "vaultSetup" | "runtime"
> {
  readonly app?: string;
  readonly secure?: boolean;
  readonly show?: readonly string[];
  readonly timeout: number;
  readonly watch?: boolean;
  readonly json?: boolean;
}

/** `meshform up`: from whatever is there to a running mesh, and what to open. */
export function registerUp(program: Command): void {
  program
    .command("up")
    .description("start a lab on this machine and deploy the app to it; run it again after every edit")
    .addOption(labOption())
    .addOption(appOption())
    .addOption(
      new Option("--engine <engine>", "the tool that applies the stacks")
        .choices(["auto", "terraform", "offline"])
        .default("auto"),
    )
    .option(
      "--secure",
      "three servers and two clients with TLS, gossip encryption and ACLs (default: as the existing lab, otherwise plain)",
    )
    .option("--no-secure", "one server and two clients, without TLS and ACLs")
    .option(
      "--datacenters <number>",
      "number of datacenters, starting with dc1 (default: as the existing lab, otherwise 1)",
      datacenterCount,
    )
    .addOption(
      new Option(
        "--join <how>",
        "how datacenters are joined: by cluster peering, or by WAN federation through mesh gateways (default: as the existing lab, otherwise peering)",
      ).choices(["peering", "wan"]),
    )
    .option(
      "--show <folder>",
      "a directory of this machine that tasks can read, at the same path; can be repeated (default: as the existing lab)",
      (folder: string, before?: readonly string[]) => [...(before ?? []), folder],
    )
    .option(
      "--disks",
      "use separate disks for the data of the agents: 1 GiB for Consul, 2 GiB for Nomad (only for a new lab)",
    )
    .option(
      "--vault",
      "a Vault that signs certificates of the mesh and gives secrets to tasks; installed if missing (default: as the existing lab, otherwise none)",
    )
    .option("--no-vault", "no Vault")
    .option(
      "--vault-setup <file>",
      "a program that prepares Vault for the app, run before the stacks are applied, with VAULT_ADDR and VAULT_TOKEN",
    )
    .addOption(
      new Option(
        "--runtime <runtime>",
        "the setting `runtime` of the app (default: as before, otherwise exec, or docker if the app has containers)",
      ).choices(["exec", "docker"]),
    )
    .option("--timeout <seconds>", "timeout of each wait for agents, services and responses", seconds, 180)
    .option("--watch", "deploy again whenever a file in this directory changes, until Ctrl-C")
    .addOption(jsonOption().conflicts("watch"))
    .action(async ({ app, secure, show, timeout, watch, json, ...others }: Options) => {
      const profile = secure === undefined ? undefined : secure ? ("secure" as const) : ("plain" as const);
      const source = findApp(app);
      const { name } = others;
      const options = { ...others, app: source, profile, shown: show, timeoutMs: timeout * 1000 };
      const deploy = async (signal: AbortSignal) => {
        try {
          const report = await up({ ...options, signal });
          if (json) printJson({ ...report, listeners: report.listeners.map(shown) });
          else console.log(render(report, name));
          if (report.problems.length > 0) process.exitCode = 1;
        } catch (error) {
          if (new Lab(name).exists) console.error(`${whatNow(name)}\n`);
          throw error;
        }
      };
      await interruptible((signal) => (watch ? deployAlways(source, deploy, signal) : deploy(signal)));
    });
}

/** Deploys now and after each change; what is wrong with the app is printed, and the next change may correct it. */
async function deployAlways(
  { folder }: AppSource,
  deploy: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const changes = changesIn(folder, signal);
  let next = changes.next();
  // What changes during the deployment is deployed after it.
  next.catch(() => undefined);
  for (;;) {
    try {
      await deploy(signal);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      console.error(`${error.problem}\n${error.fix}`);
    }
    console.log(`\nWaiting for changes in ${folder}. Ctrl-C ends this; the lab continues to run.`);
    const { value: files } = await next;
    next = changes.next();
    next.catch(() => undefined);
    console.log(`\nChanged: ${files.join(", ")}`);
  }
}

function datacenterCount(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= mostDatacenters) return value;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${mostDatacenters}.`);
}

function render(report: UpReport, name: string): string {
  const { applied, listeners, mesh, warnings, problems } = report;
  const labelled = (what: string, datacenter: string) => (report.datacenters > 1 ? `${what} (${datacenter})` : what);
  const services = listeners.filter((it) => !isEngine(it));
  const engines = listeners.filter(isEngine);
  const titles: Record<string, string> = { consul: "Consul", nomad: "Nomad", vault: "Vault" };
  const moved = listeners.filter(({ wanted, port }) => wanted !== port);
  const lab = optionOf(name);
  return [
    ...(warnings ? ["", warnings] : []),
    "",
    headline(report),
    ...[...problems, ...mesh.refused].map((line) => `  ${line}`),
    ...(applied.reason ? [`Applied ${applied.engine}. ${applied.reason}`] : []),
    ...section(
      "Open",
      table([
        ...services.map((it) => [labelled(it.name, it.datacenter), urlOf(it)]),
        ...engines.map((it) =>
          it.name === "vault"
            ? [titles.vault, urlOf(it)]
            : [labelled(titles[it.name] ?? it.name, it.datacenter), `${urlOf(it)}/ui/`],
        ),
      ]),
    ),
    ...moved.map(({ wanted, port }) => `  Port ${wanted} is in use on this machine, so port ${port} is used instead.`),
    ...section(
      "Connections",
      // Versions of a service are connected alike.
      new Set(
        mesh.connections.map((connection) => {
          const { source, destination, query, socketPath, partly, job } = connection;
          const there = destinationDatacenter(connection, job.datacenter);
          const ends = [labelled(source, job.datacenter), labelled(destination, there)];
          const details = [
            ...(partly ? ["some requests"] : []),
            ...(query === undefined ? [] : [`by the prepared query ${query}`]),
            ...(socketPath === undefined ? [] : [`at the socket ${socketPath}`]),
            ...(isTestable(connection) ? [] : ["not tested"]),
          ];
          return `${ends.join(" → ")}${details.length > 0 ? ` (${details.join(", ")})` : ""}`;
        }),
      ),
    ),
    ...section("Notes", [...mesh.remarks, ...report.dangers]),
    ...section(
      "Next",
      table([
        [invocation("status", ...lab), "hosts, agents, services"],
        [invocation("logs", ...lab, "<service>"), "the logs of a service; --sidecar: of its Envoy"],
        [invocation("graph", "--live", ...lab), "a graph with request rates"],
        [invocation("up", ...lab), "deploy an edit"],
        [invocation("down", ...lab), "remove the lab"],
      ]),
    ),
  ].join("\n");
}

/** Without how the lab leads there. */
function shown(listener: UpReport["listeners"][number]) {
  const { name, datacenter, wanted, port } = listener;
  return { name, datacenter, wanted, port, url: urlOf(listener) };
}

function headline({ changed, problems, mesh }: UpReport): string {
  if (problems.length > 0) return "The deployment succeeded, but there are problems:";
  const runs = changed ? "The mesh runs" : "Nothing changed: the mesh matches the app";
  return mesh.refused.length > 0 ? `${runs}, but refuses connections:` : `${runs}.`;
}

function whatNow(name: string): string {
  const lab = optionOf(name);
  return `Repeat \`${invocation("up", ...lab)}\` to continue; \`${invocation("down", ...lab)}\` removes the lab.`;
}

function optionOf(name: string): readonly string[] {
  return name === "default" ? [] : ["--name", name];
}

function section(title: string, content: Iterable<string>): string[] {
  const lines = [...content];
  return lines.length === 0 ? [] : ["", `${title}:`, ...lines.map((line) => `  ${line}`)];
}
