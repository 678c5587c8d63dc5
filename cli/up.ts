import { InvalidArgumentError, Option, type Command } from "commander";
import { findApp } from "../lab/app-source";
import type { ApplyOptions } from "../lab/apply";
import { urlOf } from "../lab/cluster";
import { Lab } from "../lab/lab";
import type { Runtime } from "../lab/synthesize-app";
import { isEngine } from "../lab/published";
import { up, type UpReport } from "../lab/up";
import { invocation } from "../lab/invocation";
import { appOption } from "./app-option";
import { interruptible } from "./interruptible";
import { labOption } from "./lab-option";
import { mostDatacenters } from "../lab/topology";
import { seconds } from "./seconds";
import { table } from "./table";

interface Options {
  readonly name: string;
  readonly app?: string;
  readonly engine: ApplyOptions["engine"];
  readonly secure?: boolean;
  readonly datacenters?: number;
  readonly show?: readonly string[];
  readonly disks?: boolean;
  readonly runtime?: Runtime;
  readonly timeout: number;
}

/** `meshform up`: from whatever is there to a running mesh, and what to open. */
export function registerUp(program: Command): void {
  program
    .command("up")
    .description("boot a lab on this machine, deploy the app to it and try it; repeat it after every edit")
    .addOption(labOption())
    .addOption(appOption())
    .addOption(
      new Option("--engine <engine>", "what applies the stacks")
        .choices(["auto", "terraform", "offline"])
        .default("auto"),
    )
    .option(
      "--secure",
      "three servers and two clients with TLS, encrypted gossip and ACL (default: as the lab is, else plain)",
    )
    .option("--no-secure", "one server and two clients, without any of it")
    .option(
      "--datacenters <number>",
      "how many clusters the lab has, dc1 first (default: as the lab has, else 1)",
      datacenterCount,
    )
    .option(
      "--show <folder>",
      "a folder of this machine that tasks may read, at its own path; repeat it for more (default: as the lab does)",
      (folder: string, before?: readonly string[]) => [...(before ?? []), folder],
    )
    .option(
      "--disks",
      "the agents of each host have their data on disks of their own: 1 GiB for Consul, 2 for Nomad (a new lab)",
    )
    .addOption(
      new Option(
        "--runtime <runtime>",
        "what the setting `runtime` is for the app (default: as the last time, else exec, or docker where the app has containers anyway)",
      ).choices(["exec", "docker"]),
    )
    .option("--timeout <seconds>", "time limit of each wait for agents, services and answers", seconds, 180)
    .action(async ({ name, app, engine, secure, datacenters, show, disks, runtime, timeout }: Options) => {
      try {
        const profile = secure === undefined ? undefined : secure ? ("secure" as const) : ("plain" as const);
        const options = {
          name,
          app: findApp(app),
          engine,
          profile,
          datacenters,
          shown: show,
          disks,
          runtime,
          timeoutMs: timeout * 1000,
        };
        const report = await interruptible((signal) => up({ ...options, signal }));
        console.log(render(report, name));
        if (report.problems.length > 0) process.exitCode = 1;
      } catch (error) {
        if (new Lab(name).exists) console.error(`${whatNow(name)}\n`);
        throw error;
      }
    });
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
  const titles: Record<string, string> = { consul: "Consul", nomad: "Nomad" };
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
        ...engines.map((it) => [labelled(titles[it.name] ?? it.name, it.datacenter), `${urlOf(it)}/ui/`]),
      ]),
    ),
    ...moved.map(({ wanted, port }) => `  Port ${wanted} is taken on this machine, so ${port} leads there.`),
    ...section(
      "Who talks to whom",
      // Versions of a service are connected alike.
      new Set(
        mesh.connections.map(({ source, destination, peer, partly, job: { datacenter } }) => {
          const ends = [labelled(source, datacenter), labelled(destination, peer ?? datacenter)];
          return `${ends.join(" → ")}${partly ? " (some requests)" : ""}`;
        }),
      ),
    ),
    ...section("Mind", [...mesh.remarks, ...report.dangers]),
    ...section(
      "Next",
      table([
        [invocation("status", ...lab), "hosts, agents, services"],
        [invocation("logs", ...lab, "<service>"), "what a service writes; --sidecar: its Envoy"],
        [invocation("graph", "--live", ...lab), "a picture of it, with request rates"],
        [invocation("up", ...lab), "after an edit"],
        [invocation("down", ...lab), "removes it all"],
      ]),
    ),
  ].join("\n");
}

function headline({ changed, problems, mesh }: UpReport): string {
  if (problems.length > 0) return "Everything is deployed, but not everything is as it should be:";
  const runs = changed ? "The mesh runs" : "Nothing changed: the mesh runs as the app says";
  return mesh.refused.length > 0 ? `${runs}, but refuses calls:` : `${runs}.`;
}

function whatNow(name: string): string {
  const lab = optionOf(name);
  return `Repeat \`${invocation("up", ...lab)}\` to go on from here; \`${invocation("down", ...lab)}\` removes what there is.`;
}

function optionOf(name: string): readonly string[] {
  return name === "default" ? [] : ["--name", name];
}

function section(title: string, content: Iterable<string>): string[] {
  const lines = [...content];
  return lines.length === 0 ? [] : ["", `${title}:`, ...lines.map((line) => `  ${line}`)];
}
