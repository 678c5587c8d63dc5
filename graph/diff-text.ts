import { sentenceOf, sentenceOfSilence } from "../constructs/checks/report";
import type { EntryChange, MeshDiff, PortChange } from "./diff";
import type { Access, AccessChange } from "./diff-access";
import type { JobChange } from "./diff-job";

/** `text` for a terminal, `markdown` for a pull request. */
export type DiffFormat = "text" | "markdown";

/** A part of what changes, one line for each item. */
interface Section {
  readonly title: string;
  readonly lines: readonly string[];
}

/** What changes, for people: what is newly allowed comes first. */
export function renderDiff(diff: MeshDiff, format: DiffFormat): string {
  const sections = sectionsOf(diff).filter(({ lines }) => lines.length > 0);
  if (sections.length === 0) return "Nothing changes.";
  const isMarkdown = format === "markdown";
  return sections
    .map(({ title, lines }) =>
      [
        isMarkdown ? `### ${title}\n` : `${title}:`,
        ...lines.map((line) => (isMarkdown ? `- ${line}` : `  ${line}`)),
      ].join("\n"),
    )
    .join("\n\n");
}

function sectionsOf({ access, ports, jobs, entries, silences, warnings }: MeshDiff): Section[] {
  return [
    { title: "Can reach more", lines: access.filter(({ isWider }) => isWider).map(accessLine) },
    { title: "Can reach less", lines: access.filter(({ isWider }) => !isWider).map(accessLine) },
    { title: "Node ports", lines: ports.map(portLine) },
    { title: "Jobs", lines: jobs.map(jobLine) },
    { title: "Config entries", lines: entries.map(entryLine) },
    { title: "Newly silenced checks", lines: silences.added.map(sentenceOfSilence) },
    { title: "Checks that are no longer silenced", lines: silences.removed.map(sentenceOfSilence) },
    { title: "New warnings", lines: warnings.added.map(sentenceOf) },
    { title: "Resolved warnings", lines: warnings.removed.map(sentenceOf) },
  ];
}

function accessLine({ source, peer, from: place, destination, datacenter, before, after }: AccessChange): string {
  const from = `${everyService(source)}${peer === undefined ? "" : ` of the peer ${peer}`}${place === undefined ? "" : ` of ${place}`}`;
  const to = `${everyService(destination)}${datacenter === undefined ? "" : ` in ${datacenter}`}`;
  return `${from} → ${to}: ${accessPhrase(after)}; before: ${accessPhrase(before)}`;
}

function everyService(name: string): string {
  return name === "*" ? "every service" : name;
}

function accessPhrase({ allowed, rules }: Access): string {
  if (rules.length > 0) return rules.join(", then ");
  return { all: "every request", "some requests": "some requests", no: "nothing" }[allowed];
}

function portLine({ change, job, port, label }: PortChange): string {
  return `${port} (${label}) of job ${job} is ${change === "added" ? "opened" : "closed"}`;
}

function jobLine({ job, namespace, change, because }: JobChange): string {
  const name = namespace === undefined ? job : `${job} in the namespace ${namespace}`;
  if (because.length === 0) return `${name} is ${change}`;
  return `${name} ${change === "restarts" ? "restarts" : "changes without a restart"}: ${because.join(", ")}`;
}

function entryLine({ change, kind, name, datacenter, fields }: EntryChange): string {
  const entry = `${kind}/${name}${datacenter === undefined ? "" : ` in ${datacenter}`}`;
  return change === "changed" ? `${entry} changes: ${fields.join(", ")}` : `${entry} is ${change}`;
}
