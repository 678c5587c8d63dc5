import type { IConstruct } from "constructs";
import { MeshError } from "../core/errors";
import { Graph } from "../model/graph";
import type { Check, CheckedApp, Finding } from "./check";
import { closestTo } from "./closest";
import { checksOf } from "./registry";
import { silenceAt, silencesOf, type Silence } from "./silence";

/** A finding, the check that made it, and where. */
export interface CheckFinding extends Omit<Finding, "at"> {
  readonly check: Check;
  /** Path of the construct. */
  readonly path: string;
}

/** What the checks say of an app. */
export interface Report {
  readonly findings: readonly CheckFinding[];
  /** What was silenced, and how often it silenced something. */
  readonly silences: readonly (Silence & { readonly findings: number })[];
}

/** Runs every check over the app, and sets apart what was silenced. */
export function runChecks(root: IConstruct): Report {
  const app: CheckedApp = { root, graph: Graph.of(root).close() };
  const checks = [...checksOf(root).values()];
  const counts = new Map<Silence, number>(silencesOf(root).map((silence) => [silence, 0]));
  const open = checks
    .flatMap((check) => run(check, app))
    .filter(({ check, path }) => {
      const silence = silenceAt(root, path, check.id);
      if (silence !== undefined) {
        counts.set(silence, (counts.get(silence) ?? 0) + 1);
      }
      return silence === undefined;
    });
  const ids = new Set(open.map(({ check }) => check.id));
  const findings = open.filter(({ saidBy }) => saidBy === undefined || !ids.has(saidBy));
  const known = new Set(checks.map(({ id }) => id));
  return {
    findings: [...findings, ...[...counts].flatMap(([silence, count]) => findingOf(silence, count, [...known]))],
    silences: [...counts].map(([silence, count]) => ({ ...silence, findings: count })),
  };
}

/** A rule that crashes has not passed. */
function run(check: Check, app: CheckedApp): CheckFinding[] {
  try {
    return [...check.find(app)].map(({ at, ...finding }) => ({
      ...{ check, path: typeof at === "string" ? at : at.node.path },
      ...finding,
    }));
  } catch (error) {
    const [path, problem] =
      error instanceof MeshError
        ? [error.scope.node.path, `${error.problem} ${error.fix}`]
        : [app.root.node.path, error instanceof Error ? error.message : String(error)];
    return [
      {
        ...{ check: { ...check, level: "error" }, path },
        problem: `The check "${check.id}" could not finish: ${problem}`,
        fix: "Correct what it names, or report it to those who wrote the check.",
      },
    ];
  }
}

const UNKNOWN_SILENCE: Check = {
  id: "unknown-silence",
  reason: "A misspelt id silences nothing.",
  level: "error",
  find: () => [],
};

const IDLE_SILENCE: Check = {
  id: "idle-silence",
  reason: "What was accepted once and is no longer there may come back unseen.",
  level: "warning",
  find: () => [],
};

/** What is found of silences themselves, once all else is. */
export const SILENCE_CHECKS: readonly Check[] = [UNKNOWN_SILENCE, IDLE_SILENCE];

function findingOf({ id, path }: Silence, count: number, known: readonly string[]): CheckFinding[] {
  if (!known.includes(id)) {
    const problem = `There is no check "${id}" to silence.`;
    return [{ check: UNKNOWN_SILENCE, path, problem, fix: closestTo(id, known) }];
  }
  return count > 0
    ? []
    : [
        {
          ...{ check: IDLE_SILENCE, path },
          problem: `The check "${id}" is silenced, and finds nothing here.`,
          fix: "Take the silence away.",
        },
      ];
}
