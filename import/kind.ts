import type * as nomad from "../constructs/nomad/generated/job";
import { call, type Call } from "./code";
import { items, set, unless } from "./values";

/** How Nomad schedules the job; `undefined` for a service job. */
export function kindOf({ Type, Periodic: periodic, ParameterizedJob: parameterized }: nomad.Job): Call | undefined {
  const type = Type === "sysbatch" ? Type : undefined;
  if (periodic !== undefined) {
    return call("JobKind.periodic", {
      crons: cronsOf(periodic),
      timeZone: unless(set(periodic.TimeZone), "UTC"),
      prohibitOverlap: set(periodic.ProhibitOverlap),
      enabled: unless(periodic.Enabled, true),
      type,
    });
  }
  if (parameterized !== undefined) {
    return call("JobKind.parameterized", {
      payload: set(parameterized.Payload),
      metaRequired: items(parameterized.MetaRequired),
      metaOptional: items(parameterized.MetaOptional),
      type,
    });
  }
  if (Type === "system") return call("JobKind.system");
  if (Type === "batch") return call("JobKind.batch");
  return type && call("JobKind.sysbatch");
}

/** The times of a periodic job, from either of two fields. */
export function cronsOf({ Spec, Specs = [] }: nomad.PeriodicConfig): readonly string[] {
  return Spec === undefined || Spec === "" ? Specs : [Spec, ...Specs];
}
