import { InvalidArgumentError, Option, type Command } from "commander";
import { explain, type ExplainedEnd, type Explanation, type Question } from "../graph/explain";
import { readDocuments } from "../lab/apply/documents";
import { findApp, hasApp } from "../lab/app/app-source";
import type { SynthesizedStack } from "../lab/apply/synthesized";
import { appOption } from "./app-option";
import { environmentOption } from "./cluster-options";
import { explainInCluster, explainInLab, renderDiagnosis } from "./explain-live";
import { interruptible } from "./interruptible";
import { jsonOption, print } from "./json";
import { labOption } from "./lab-option";
import { settingsFor, synthesis } from "./synthesis";
import { table } from "./table";

interface Options {
  readonly app?: string;
  readonly datacenter?: string;
  readonly header: Readonly<Record<string, string>>;
  readonly json?: boolean;
  readonly live?: boolean;
  readonly name: string;
  readonly environment?: boolean;
}

/** `meshform explain`: whether one service may reach another, and what decides. Deploys and changes nothing. */
export function registerExplain(program: Command): void {
  program
    .command("explain")
    .description(
      "explain whether one service can reach another: the path of its requests and the intentions that decide",
    )
    .argument("<source>", "the source service")
    .argument("<destination>", "the destination service")
    .argument("[method]", "the HTTP method of the request (default: all requests)")
    .argument("[path]", "the path of the request, including the query (default: /)")
    .addOption(appOption())
    .addOption(
      new Option("--header <name=value>", "a header of the request; can be repeated")
        .argParser(withHeader)
        .default({}, "none"),
    )
    .option("--datacenter <name>", "Consul datacenter of the source (default: the only one with the source)")
    .option(
      "--live",
      "find out where requests fail in a running mesh: ask Consul, Nomad and the Envoys of both services",
    )
    .addOption(labOption())
    .addOption(environmentOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nThe exit code is 1 if the source cannot reach the destination, or not with this request; with --live, if a cause is found, or" +
        "\nnot all could be seen. --live compares a lab with the app that is deployed there, and changes nothing.",
    )
    .action(
      (source: string, destination: string, method: string | undefined, path: string | undefined, options: Options) =>
        interruptible(async (signal) => {
          const { app, datacenter, header, json, live = false } = options;
          const request = requestOf(method, path, header);
          const question: Question = { source, destination, datacenter, request };
          if (live) return explainLive(question, options, signal);
          const explanation = explain(readDocuments((await synthesis(findApp(app), signal)).stacks), question);
          print(explanation, json, (it) => render(question, it));
          if (!canReach(explanation)) process.exitCode = 1;
        }),
    );
}

async function explainLive(question: Question, options: Options, signal: AbortSignal): Promise<void> {
  const { app, name, environment = false, json } = options;
  const hasOwn = app !== undefined || (environment && hasApp());
  const stacks: readonly SynthesizedStack[] | undefined = hasOwn
    ? (await synthesis(findApp(app), signal, settingsFor(environment ? undefined : name))).stacks
    : undefined;
  const answer = await (environment ? explainInCluster(question, stacks) : explainInLab(name, question, stacks));
  print(answer, json, (it) =>
    [...(it.expected ? [render(question, it.expected), ""] : []), renderDiagnosis(it)].join("\n"),
  );
  if (!answer.ok) process.exitCode = 1;
}

function withHeader(text: string, earlier: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const end = text.indexOf("=");
  if (end < 1) throw new InvalidArgumentError("Use name=value.");
  return { ...earlier, [text.slice(0, end)]: text.slice(end + 1) };
}

function requestOf(
  method: string | undefined,
  target: string | undefined,
  headers: Readonly<Record<string, string>>,
): Question["request"] {
  if (method === undefined && Object.keys(headers).length === 0) return undefined;
  const { pathname, searchParams } = new URL(target ?? "/", "http://destination");
  return { method, path: pathname, query: Object.fromEntries(searchParams), headers };
}

function canReach({ allowed, upstreams }: Explanation): boolean {
  return allowed !== "no" && upstreams?.length !== 0;
}

/** The verdict comes first, then the way of a request, and last what to do where it ends too early. */
function render(question: Question, explanation: Explanation): string {
  const { source, destination } = question;
  const { allowed, upstreams, ends } = explanation;
  const way = upstreams?.length
    ? [["  upstream", `${source} reaches ${destination} at ${upstreams.join(" and ")}`]]
    : [];
  return [
    `${source} → ${destination}: ${verdict(question, allowed)}.`,
    "",
    ...table([...way, ...ends.map(rowOf)]),
    ...fixes(question, explanation),
  ].join("\n");
}

function verdict({ request }: Question, allowed: Explanation["allowed"]): string {
  const subject = request ? `${request.method ?? "GET"} ${request.path ?? "/"}` : "every request";
  switch (allowed) {
    case "all":
      return `${subject} is allowed`;
    case "no":
      return `${subject} is refused`;
    case "some requests":
      return request ? `${subject} is allowed in some cases` : "some requests are allowed";
    case "unknown":
      return `another team's entries decide whether ${subject} is allowed`;
  }
}

function rowOf({ service, datacenter, isFailover, by, reason }: ExplainedEnd): string[] {
  const place = datacenter === undefined ? service : `${service} in ${datacenter}`;
  const way = by.length > 0 ? `by ${by.join(", then ")}${isFailover ? ", while no instance is healthy" : ""}: ` : "";
  return [`  ${place}`, `${way}${reason}`];
}

function fixes({ source, destination }: Question, { upstreams, ends }: Explanation): string[] {
  const refused = ends.filter(({ allowed }) => allowed === "no");
  const refusing = new Set(refused.filter(({ fix }) => fix === undefined).map(({ service }) => service));
  const lines = [
    ...(upstreams?.length === 0
      ? [`${source} has no upstream to ${destination}. Add it with connectTo or addUpstream of ${source}.`]
      : []),
    ...[...refusing].map(
      (service) => `To allow it: connectTo(${service}) of ${source}, or allowFrom(${source}) of ${service}.`,
    ),
    ...new Set(refused.flatMap(({ fix }) => fix ?? [])),
  ];
  return lines.length > 0 ? ["", ...lines] : [];
}
