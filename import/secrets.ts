import type * as nomad from "../constructs/nomad/generated/job";
import type { Entry } from "./entries";

const SECRET_NAME = /pass(?:word|wd|phrase)?$|secret(?:_?key|_?id)?$|token$|api_?key$|private_?key$|credentials?$/i;
const SECRET_VALUE =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{36}\b|:\/\/[^\s:/@${}]+:[^\s/@${}]+@|^(?:Basic|Bearer) [^\s${}]{8,}$/;

/** Where values of a job look like secrets. The values themselves are not part of it. */
export function secretsIn({ ID = "", TaskGroups = [], ...job }: nomad.Job): string[] {
  const tasks = TaskGroups.flatMap(({ Tasks = [] }) => Tasks);
  const places = [
    ...tasks.flatMap(({ Name = "", ...task }) => placesIn(task, []).map((place) => `${place} of the task ${Name}`)),
    ...TaskGroups.flatMap((group) => placesIn({ ...group, Tasks: [] }, [])),
    ...placesIn(job, []),
  ];
  return [...new Set(places)].map((place) => `${place} in the job ${ID}`);
}

/** The same for a config entry. */
export function secretsInEntry({ kind, name, fields }: Entry): string[] {
  return [...new Set(placesIn(fields, []))].map((place) => `${place} in ${kind}/${name}`);
}

function placesIn(value: unknown, path: readonly string[]): string[] {
  if (typeof value === "string") return isSecret(path.at(-1) ?? "", value) ? [path.join(".")] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, it]) => placesIn(it, Array.isArray(value) ? path : [...path, key]));
}

/** References, such as `${secret.database.password}` and `{{ .Data.password }}`, are no secrets, and neither are names of files. */
function isSecret(name: string, text: string): boolean {
  if (SECRET_VALUE.test(text)) return true;
  if (SECRET_NAME.test(name)) return isLiteral(text);
  return text
    .split("\n")
    .map((line) => /^\s*(?:export\s+)?["']?([\w.-]+)["']?\s*[=:]\s*(.+)$/.exec(line))
    .some((match) => match !== null && SECRET_NAME.test(match[1]) && isLiteral(match[2]));
}

function isLiteral(text: string): boolean {
  return text.trim() !== "" && !/\$\{|\{\{|^["']?\/|^["']?(?:true|false|\d{1,5})["']?,?$/.test(text.trim());
}
