import type { IConstruct } from "constructs";
import { MeshError } from "../core/errors";
import { Graph } from "../model/graph";
import type { Check, CheckedApp } from "./check";
import { closestTo } from "../core/closest";
import { checksOf } from "./registry";
import type { Report, ReportedFinding } from "./report";
import { silenceAt, silencesOf, type Silence } from "./silence";

/** A finding with fields that only the run needs. */
interface RunFinding extends ReportedFinding {
  readonly saidBy?: string;
  readonly alsoAbout?: readonly string[];
}

/** Runs all checks over the app, and separates silenced findings. */
export function runChecks(root: IConstruct): Report {
  const app: CheckedApp = { root, graph: Graph.of(root).close() };
  const checks = [...checksOf(root).values()];
  const known = checks.map(({ id }) => id);
  const silences = silencesOf(root);
  const counts = new Map<Silence, number>(silences.map((silence) => [silence, 0]));
  const isOpen = ({ id, path }: ReportedFinding): boolean => {
    const silence = silenceAt(root, path, id);
    if (silence !== undefined) {
      counts.set(silence, (counts.get(silence) ?? 0) + 1);
    }
    return silence === undefined;
  };
  const open = checks.flatMap((check) => run(check, app)).filter(isOpen);
  const findings = withoutSaid(open);
  const ofSilences = silences.flatMap((silence) => findingOf(silence, counts.get(silence) ?? 0, known)).filter(isOpen);
  return {
    checks: checks.map(({ id, level, reason }) => ({ id, level, reason })),
    findings: [...findings, ...ofSilences].map(({ id, level, path, problem, fix }) => ({
      ...{ id, level, path },
      ...{ problem, fix },
    })),
    silences: silences.map((silence) => ({ ...silence, findings: counts.get(silence) ?? 0 })),
  };
}

/** Omits findings that another check reports more plainly for the same construct. */
function withoutSaid(findings: readonly RunFinding[]): readonly RunFinding[] {
  const pathsBy = new Map<string, string[]>();
  for (const { id, path, alsoAbout = [] } of findings) {
    pathsBy.set(id, [...(pathsBy.get(id) ?? []), path, ...alsoAbout]);
  }
  return findings.filter(
    ({ saidBy = "", path }) => pathsBy.get(saidBy)?.some((other) => isIn(path, other) || isIn(other, path)) !== true,
  );
}

/** Whether a path is equal to another one or below it. */
function isIn(path: string, other: string): boolean {
  return path === other || path.startsWith(`${other}/`);
}

/** Runs a check. A check that throws an error has not passed. */
function run(check: Check, app: CheckedApp): RunFinding[] {
  const { id, level } = check;
  try {
    return [...check.find(app)].map(({ at, ...finding }) => ({
      ...{ id, level, path: typeof at === "string" ? at : at.node.path },
      ...finding,
    }));
  } catch (error) {
    const [path, problem] =
      error instanceof MeshError
        ? [error.scope.node.path, `${error.problem} ${error.fix}`]
        : [app.root.node.path, error instanceof Error ? error.message : String(error)];
    return [
      {
        ...{ id, level: "error", path },
        problem: `The check "${id}" could not finish: ${problem}`,
        fix: "Fix the cause, or report it to the author of the check.",
      },
    ];
  }
}

const UNKNOWN_SILENCE: Check = {
  id: "unknown-silence",
  reason: "A misspelled id silences nothing.",
  level: "error",
  find: () => [],
};

const IDLE_SILENCE: Check = {
  id: "idle-silence",
  reason: "If the accepted problem returns later, the silence hides it.",
  level: "warning",
  find: () => [],
};

/** Checks of the silences themselves, which run after all others. */
export const SILENCE_CHECKS: readonly Check[] = [UNKNOWN_SILENCE, IDLE_SILENCE];

function findingOf({ id, path }: Silence, count: number, known: readonly string[]): ReportedFinding[] {
  if (!known.includes(id)) {
    const { id: unknown, level } = UNKNOWN_SILENCE;
    return [
      { ...{ id: unknown, level, path }, problem: `There is no check "${id}" to silence.`, fix: closestTo(id, known) },
    ];
  }
  // Findings of these checks are counted later.
  if (count > 0 || id === IDLE_SILENCE.id) {
    return [];
  }
  const { id: idle, level } = IDLE_SILENCE;
  const problem = `The check "${id}" is silenced, but finds nothing here.`;
  return [{ ...{ id: idle, level, path }, problem, fix: "Remove the silence." }];
}
