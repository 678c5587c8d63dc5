import { LabError } from "../core/errors";

/** Something that is done once all that it waits for is done. */
export interface Task {
  readonly address: string;
  readonly after: readonly Task[];
}

/** What remains to be waited for, while others go on. */
export type Settling = () => Promise<void>;

/**
 * Does one task after another, as Terraform does: after one that fails it goes on with all that does not wait for it. What settles
 * only later holds up nothing but what waits for it.
 *
 * @param tasks in an order in which they can be done
 * @param act does one, and gives what is to be waited for, if anything is
 * @throws LabError that has every failure, and names what was not tried
 */
export async function walk<Item extends Task>(
  tasks: readonly Item[],
  act: (task: Item) => Promise<Settling | undefined>,
  signal?: AbortSignal,
): Promise<void> {
  const open = new Set(tasks);
  const succeeded = new Map<Task, boolean>();
  const settling = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const skipped: string[] = [];
  const attempt = async (task: Item, act: () => Promise<Settling | undefined>): Promise<Settling | undefined> => {
    try {
      const settle = await act();
      if (settle === undefined) succeeded.set(task, true);
      return settle;
    } catch (error) {
      succeeded.set(task, false);
      failures.push(error);
      return undefined;
    }
  };
  const isToEnd = () => signal?.aborted === true || failures.some((error) => !isExpected(error));
  const next = () => {
    for (const task of open) if (task.after.every((other) => succeeded.has(other))) return task;
    return undefined;
  };
  while (!isToEnd() && open.size > 0) {
    const task = next();
    if (task === undefined) {
      await Promise.race(settling);
      continue;
    }
    open.delete(task);
    if (task.after.some((other) => succeeded.get(other) === false)) {
      succeeded.set(task, false);
      skipped.push(task.address);
      continue;
    }
    const settle = await attempt(task, () => act(task));
    if (settle === undefined) continue;
    const settled = attempt(task, () => settle().then(() => undefined)).then(() => {
      settling.delete(settled);
    });
    settling.add(settled);
  }
  await Promise.all(settling);
  signal?.throwIfAborted();
  const unexpected = failures.find((error) => !isExpected(error));
  if (unexpected !== undefined) throw unexpected as Error;
  if (failures.length > 0) throw together(failures as readonly LabError[], [...new Set(skipped)]);
}

function isExpected(error: unknown): error is LabError {
  return error instanceof LabError;
}

function together(failures: readonly LabError[], skipped: readonly string[]): LabError {
  const notTried = skipped.length === 0 ? "" : `\nSkipped, because it depends on that: ${skipped.join(", ")}.`;
  const [first] = failures;
  if (failures.length === 1) {
    return skipped.length === 0 ? first : new LabError(first.problem + notTried, first.fix, { cause: first });
  }
  const lines = failures.map(({ problem, fix }) => `\n  ${problem.replaceAll("\n", "\n  ")}\n    ${fix}`);
  return new LabError(
    `${failures.length} resources could not be applied:${lines.join("")}${notTried}`,
    "What was applied remains, and is not applied again.",
    { cause: first },
  );
}
