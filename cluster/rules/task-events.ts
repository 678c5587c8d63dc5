import type { Allocation } from "../facts";

/** An event of a task. */
export interface TaskEvent {
  readonly task: string;
  readonly message: string;
}

/** The events of all tasks that do not run now, newest first. */
export function eventsOf({ TaskStates }: Allocation): TaskEvent[] {
  return Object.entries(TaskStates ?? {})
    .filter(([, { State }]) => State !== "running")
    .flatMap(([task, { Events }]) =>
      (Events ?? []).map(({ DisplayMessage, Time }) => ({ task, message: DisplayMessage, Time })),
    )
    .sort((left, right) => right.Time - left.Time);
}
