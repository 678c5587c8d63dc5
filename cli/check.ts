import { Option, type Command } from "commander";
import { readNeeds } from "../cluster/app-needs";
import { checkCluster, type ClusterReport, type ReportedFinding } from "../cluster/check";
import { targetsOf } from "../cluster/endpoints";
import { gather, type CheckedCluster } from "../cluster/gather";
import { counted } from "../lab/core/counted";
import { findApp, hasApp } from "../lab/app/app-source";
import { readStacks, type SynthesizedStack } from "../lab/apply/synthesized";
import { enginesOfEnvironment } from "../lab/cluster/engines-of-environment";
import { appOption } from "./app-option";
import { clustersOf } from "./cluster-options";
import { interruptible } from "./interruptible";
import { jsonOption, print } from "./json";
import { settingsFor, synthesis } from "./synthesis";

interface Options {
  readonly app?: string;
  readonly stacks?: string;
  readonly name?: string;
  readonly pre?: boolean;
  readonly json?: boolean;
}

/** What `meshform check --json` prints. */
export interface CheckReport {
  /** Whether there is no error. */
  readonly ok: boolean;
  readonly clusters: readonly (ClusterReport & { readonly consul: string; readonly nomad: string })[];
}

/** `meshform check`: what in a running cluster keeps a mesh from working. Changes nothing. */
export function registerCheck(program: Command): void {
  program
    .command("check")
    .description("check a running cluster: what keeps a mesh from working, and how to fix it; changes nothing")
    .addOption(appOption())
    .addOption(
      new Option("--stacks <folder>", "use these synthesized stacks, such as cdktf.out, as the app").conflicts("app"),
    )
    .option("--name <lab>", "check a lab instead of the cluster of the environment")
    .option("--pre", "before the first deployment: check only what a deployment needs")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nThe cluster is that of CONSUL_HTTP_ADDR, NOMAD_ADDR, their tokens and certificates, unless the app sets addresses. Without" +
        "\nan app, what its jobs need is not checked. The exit code is 1 if there is an error. To check an app, use `meshform checks`.",
    )
    .action(async ({ app, stacks, name, pre = false, json }: Options) => {
      const own = await interruptible((signal) => stacksOf({ app, stacks, name }, signal));
      // From here on there is nothing to clean up.
      const clusters = await Promise.all(
        targets(own ?? [], name).map(async ({ cluster, stacks: its }) => ({
          consul: cluster.consul.address,
          nomad: cluster.nomad.address,
          ...checkCluster(await gather(cluster, own && readNeeds(its)), pre),
        })),
      );
      const report: CheckReport = { ok: clusters.every(({ ok }) => ok), clusters };
      print(report, json, (it) => it.clusters.map(render).join("\n\n"));
      if (!report.ok) process.exitCode = 1;
    });
}

interface Target {
  readonly cluster: CheckedCluster;
  readonly stacks: readonly SynthesizedStack[];
}

function targets(stacks: readonly SynthesizedStack[], lab: string | undefined): Target[] {
  if (lab !== undefined) return clustersOf({ name: lab }).map((cluster) => ({ cluster, stacks }));
  return targetsOf(stacks, process.env).map((it) => ({
    cluster: enginesOfEnvironment(it.environment),
    stacks: it.stacks,
  }));
}

/** The app of the working directory is for the cluster of the environment; a lab sets some of its settings itself. */
async function stacksOf(
  { app, stacks, name }: Pick<Options, "app" | "stacks" | "name">,
  signal: AbortSignal,
): Promise<readonly SynthesizedStack[] | undefined> {
  if (stacks !== undefined) return readStacks(stacks);
  if (app === undefined && (name !== undefined || !hasApp())) return undefined;
  return (await synthesis(findApp(app), signal, settingsFor(name))).stacks;
}

/** What matters most comes last, where a terminal shows it. */
function render({ consul, nomad, checked, withoutApp, findings }: CheckReport["clusters"][number]): string {
  const of = (wanted: ReportedFinding["level"]) => findings.filter(({ level }) => level === wanted);
  const [notes, warnings, errors] = [of("note"), of("warning"), of("error")];
  const unasked = withoutApp.length === 0 ? [] : [`Without an app, these were not checked: ${withoutApp.join(", ")}.`];
  return [
    `Consul ${consul}, Nomad ${nomad}`,
    ...section("Notes:", [...notes.map(lineOf), ...unasked]),
    ...section("Warnings:", warnings.map(lineOf)),
    ...section("Errors:", errors.map(lineOf)),
    "",
    `${counted(checked.length, "rule")} checked, ${counted(errors.length, "error")}, ${counted(warnings.length, "warning")}`,
  ].join("\n");
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)];
}

function lineOf({ id, at, problem, fix }: ReportedFinding): string {
  return `${at}: ${problem} ${fix} (${id})`;
}
