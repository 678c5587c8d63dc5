import { known, type Place } from "../../core/problems";
import { withoutUndefined } from "../../core/without-undefined";
import { durationText } from "../../core/duration";
import type * as nomad from "../generated/job";
import { atLeast, HOUR, MINUTE, SECOND, time } from "./times";

/** Nomad's defaults for fields of the update block. */
const UPDATE: Required<nomad.UpdateStrategy> = {
  Stagger: 30 * SECOND,
  MaxParallel: 1,
  HealthCheck: "checks",
  MinHealthyTime: 10 * SECOND,
  HealthyDeadline: 5 * MINUTE,
  ProgressDeadline: 10 * MINUTE,
  AutoRevert: false,
  AutoPromote: false,
  Canary: 0,
};

/** The update block of a group, merged with that of the job as in Nomad. */
export function updateOf(job: nomad.Job, group: nomad.TaskGroup): Required<nomad.UpdateStrategy> {
  const [outer, own] = [known(job.Update), known(group.Update)];
  return outer === undefined && own === undefined
    ? UPDATE
    : { ...UPDATE, ...withoutUndefined(outer ?? {}), ...withoutUndefined(own ?? {}) };
}

export function examineUpdate(place: Place, update: Required<nomad.UpdateStrategy>): void {
  place.oneOf("health_check", update.HealthCheck, ["checks", "task_states", "manual"]);
  place.atLeast("max_parallel", update.MaxParallel, 0, "Use a valid number of allocations.");
  place.atLeast("canary", update.Canary, 0, "Use a valid number of allocations.");
  if (update.AutoPromote && update.Canary === 0) {
    place.refuse("auto_promote", true, "false without canaries", "Set canary, or omit auto_promote.", {
      comparedWith: update.Canary,
    });
  }
  atLeast(place, "min_healthy_time", update.MinHealthyTime, 0);
  atLeast(place, "progress_deadline", update.ProgressDeadline, 0);
  atLeast(place, "stagger", update.Stagger, 1);
  if (update.HealthyDeadline <= update.MinHealthyTime || update.HealthyDeadline <= 0) {
    place.refuse(
      "healthy_deadline",
      time(update.HealthyDeadline),
      `more than min_healthy_time (${durationText(update.MinHealthyTime)})`,
      "Raise healthy_deadline, or lower min_healthy_time.",
      { comparedWith: update.MinHealthyTime },
    );
  }
  if (update.ProgressDeadline !== 0 && update.HealthyDeadline >= update.ProgressDeadline) {
    place.refuse(
      "progress_deadline",
      time(update.ProgressDeadline),
      `0 or more than healthy_deadline (${durationText(update.HealthyDeadline)})`,
      "Raise progress_deadline, or lower healthy_deadline.",
      { comparedWith: update.HealthyDeadline },
    );
  }
}

/** Examines the restart policy of a group. Nomad does not validate those of tasks. */
export function examineRestart(place: Place, job: nomad.Job, policy: nomad.RestartPolicy): void {
  const longRunning = ["service", "system"].includes(job.Type ?? "service");
  const restart = {
    Attempts: longRunning ? 2 : 3,
    Interval: longRunning ? 30 * MINUTE : 24 * HOUR,
    Delay: 15 * SECOND,
    Mode: "fail",
    ...withoutUndefined(policy),
  };
  place.oneOf("mode", restart.Mode, ["fail", "delay"]);
  if (restart.Attempts === 0 && restart.Mode === "delay") {
    place.refuse("attempts", 0, 'more than 0 with the mode "delay"', 'Set attempts, or the mode "fail".');
  }
  atLeast(place, "interval", restart.Interval, 5 * SECOND);
  if (restart.Attempts * restart.Delay > restart.Interval) {
    place.refuse(
      "interval",
      time(restart.Interval),
      `${durationText(restart.Attempts * restart.Delay)} or more for ${restart.Attempts} attempts, each after a delay of ${durationText(restart.Delay)}`,
      "Raise interval, or lower attempts or delay.",
      { comparedWith: [restart.Attempts, restart.Delay] },
    );
  }
}

/** The reschedule block of a group, merged with that of the job as in Nomad. Only service and batch jobs have one. */
export function rescheduleOf(job: nomad.Job, group: nomad.TaskGroup): Required<nomad.ReschedulePolicy> {
  return {
    ...((job.Type ?? "service") === "batch"
      ? {
          Attempts: 1,
          Interval: 24 * HOUR,
          Delay: 5 * SECOND,
          DelayFunction: "constant",
          MaxDelay: 0,
          Unlimited: false,
        }
      : {
          Attempts: 0,
          Interval: 0,
          Delay: 30 * SECOND,
          DelayFunction: "exponential",
          MaxDelay: HOUR,
          Unlimited: true,
        }),
    ...withoutUndefined(known(job.Reschedule) ?? {}),
    ...withoutUndefined(known(group.ReschedulePolicy) ?? {}),
  };
}

export function examineReschedule(place: Place, policy: Required<nomad.ReschedulePolicy>): void {
  const { Attempts, Interval, Delay, DelayFunction, MaxDelay, Unlimited } = policy;
  if (Attempts <= 0 && !Unlimited) {
    return; // Nothing is rescheduled, and Nomad reads no further.
  }
  if (Attempts > 0 && Unlimited) {
    place.refuse("attempts", Attempts, "0 where unlimited is true", "Set unlimited to false, or omit attempts.", {
      comparedWith: Unlimited,
    });
  }
  if (Attempts > 0 && Unlimited && Interval <= 0) {
    place.refuse("interval", time(Interval), "more than 0 with attempts", "Set interval, or omit attempts.");
  }
  place.oneOf("delay_function", DelayFunction, ["constant", "exponential", "fibonacci"]);
  atLeast(place, "delay", Delay, 5 * SECOND);
  const grows = DelayFunction !== "constant";
  if (grows) {
    atLeast(place, "max_delay", MaxDelay, 5 * SECOND);
    if (MaxDelay < Delay) {
      place.refuse("max_delay", time(MaxDelay), `delay (${durationText(Delay)}) or more`, "Raise max_delay.", {
        comparedWith: Delay,
      });
    }
  }
  if (Unlimited) {
    return;
  }
  if (Interval < 15 * SECOND) {
    place.refuse("interval", time(Interval), "15s or more", "Set interval, or unlimited to true.");
  }
  const comparable = Delay >= 5 * SECOND && (!grows || (MaxDelay >= 5 * SECOND && MaxDelay >= Delay));
  const needed = comparable ? intervalFor(policy) : undefined;
  if (needed !== undefined && !needed.suffices) {
    place.refuse(
      "interval",
      time(Interval),
      `${needed.allowed} for ${Attempts} attempts`,
      "Raise interval, or lower attempts or delay.",
      { comparedWith: [Attempts, Delay, MaxDelay] },
    );
  }
}

/** The time that the attempts take, as Nomad calculates it. */
function intervalFor({ Attempts, Interval, Delay, DelayFunction, MaxDelay }: Required<nomad.ReschedulePolicy>) {
  switch (DelayFunction) {
    case "constant": {
      const needed = Attempts * Delay;
      return { suffices: Interval >= needed, allowed: `${durationText(needed)} or more` };
    }
    case "exponential": {
      if (Delay * 2 ** (Attempts - 1) >= 2 ** 63) {
        return undefined; // Nomad's own count overflows.
      }
      let needed = 0;
      for (let attempt = 0; attempt < Attempts; attempt++) {
        const delay = 2 ** attempt * Delay;
        needed = delay > MaxDelay ? needed + MaxDelay : delay;
      }
      return { suffices: needed < Interval, allowed: `more than ${durationText(needed)}` };
    }
    case "fibonacci": {
      let [previous, needed] = [Delay, Delay];
      let isAtCeiling = false;
      for (let attempt = 2; attempt < Math.min(Attempts, 100_000); attempt++) {
        const delay: number = isAtCeiling ? needed + MaxDelay : needed + previous;
        const isOver: boolean = !isAtCeiling && delay > MaxDelay;
        [previous, needed] = [needed, isOver ? MaxDelay : delay];
        isAtCeiling ||= isOver;
      }
      return { suffices: Interval >= needed, allowed: `${durationText(needed)} or more` };
    }
    default:
      return undefined;
  }
}

export function examineMigrate(place: Place, policy: nomad.MigrateStrategy): void {
  const migrate = {
    MaxParallel: 1,
    HealthCheck: "checks",
    MinHealthyTime: 10 * SECOND,
    HealthyDeadline: 5 * MINUTE,
    ...withoutUndefined(policy),
  };
  place.atLeast("max_parallel", migrate.MaxParallel, 0, "Use a valid number of allocations.");
  if (migrate.HealthCheck !== "" || migrate.MaxParallel > 0) {
    place.oneOf("health_check", migrate.HealthCheck, ["checks", "task_states"]);
  }
  atLeast(place, "min_healthy_time", migrate.MinHealthyTime, 0);
  atLeast(place, "healthy_deadline", migrate.HealthyDeadline, 0);
  if (migrate.MinHealthyTime > migrate.HealthyDeadline) {
    place.refuse(
      "healthy_deadline",
      time(migrate.HealthyDeadline),
      `min_healthy_time (${durationText(migrate.MinHealthyTime)}) or more`,
      "Raise healthy_deadline, or lower min_healthy_time.",
      { comparedWith: migrate.MinHealthyTime },
    );
  }
}

export function examineDisconnect(place: Place, job: nomad.Job, disconnect: nomad.DisconnectStrategy): void {
  const type = job.Type ?? "service";
  const { StopOnClientAfter, LostAfter = 0, Reconcile } = disconnect;
  atLeast(place, "stop_on_client_after", StopOnClientAfter, 0);
  atLeast(place, "lost_after", LostAfter, 0);
  if (StopOnClientAfter !== undefined && type !== "service" && type !== "batch") {
    place.refuse(
      "stop_on_client_after",
      time(StopOnClientAfter),
      `cannot be set in a job of type ${type}, only in service and batch jobs`,
      "Omit it.",
      { comparedWith: type },
    );
  }
  if (StopOnClientAfter !== undefined && LostAfter !== 0) {
    place.refuse("lost_after", time(LostAfter), "cannot be set with stop_on_client_after", "Omit one of the two.", {
      comparedWith: StopOnClientAfter,
    });
  }
  if (Reconcile !== "") {
    place.oneOf("reconcile", Reconcile, ["keep_original", "keep_replacement", "best_score", "longest_running"]);
  }
}
