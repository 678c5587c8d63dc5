import type * as nomad from "../constructs/nomad/generated/job";
import { renderJob, type JobSpec } from "../constructs/nomad/job";
import { block, evaluate, type Fields } from "./code";
import { overrideFor } from "./difference";
import { cronsOf, kindOf } from "./kind";
import { affinities, constraints, entries, items, set, spreads, unless, update } from "./values";

/** Props of `addJob`. */
export function jobOf(job: nomad.Job): Fields {
  const { ID = "", UI: ui, Periodic: periodic } = job;
  const datacenters = items(job.Datacenters) ?? ["*"];
  const links = (ui?.Links ?? []).map(({ Label = "", URL = "" }): [string, string] => [Label, URL]);
  const options: Fields = {
    kind: kindOf(job),
    nomadDatacenters: datacenters.join() === "*" ? undefined : datacenters,
    region: set(job.Region),
    namespace: set(job.Namespace),
    nodePool: set(job.NodePool),
    priority: unless(job.Priority, 50),
    allAtOnce: set(job.AllAtOnce),
    jobMeta: entries(job.Meta),
    ...(ui && { description: set(ui.Description), links: entries(Object.fromEntries(links)) }),
    update: update(job.Update),
    constraints: constraints(job.Constraints),
    affinities: affinities(job.Affinities),
    spreads: spreads(job.Spreads),
  };
  const rendered = renderJob(ID, evaluate(options) as JobSpec, []);
  const wanted: nomad.Job = {
    ...job,
    Type: set(job.Type) ?? (rendered.Type === "service" ? "service" : job.Type),
    Datacenters: datacenters,
    Priority: unless(job.Priority, 50),
    Periodic: periodic && {
      ...periodic,
      Enabled: periodic.Enabled ?? true,
      SpecType: set(periodic.SpecType) ?? "cron",
      TimeZone: unless(set(periodic.TimeZone), "UTC"),
      Spec: undefined,
      Specs: cronsOf(periodic),
    },
    TaskGroups: [],
  };
  return block({ ...options, override: overrideFor(rendered, wanted) }) ?? {};
}
