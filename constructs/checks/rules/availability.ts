import { MAX_EJECTION_PERCENT } from "../../consul/upstream-config";
import type { ServiceRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import { obstaclesOf } from "../../nomad/deployment";
import type { Check } from "../check";
import { SIDECAR_CHECK_INTERVAL } from "../../nomad/sidecar";
import { updateOf } from "../../nomad/validate/policies";
import { instancesIn, jobsIn, upstreamsIn } from "./records";
import { durationText } from "../../core/duration";
import { isToken } from "../../core/token";

const interruptedDeployment: Check = {
  id: "interrupted-deployment",
  reason: "If the only instance stops before the next one starts, requests fail for some seconds at each deployment.",
  level: "warning",
  *find({ graph }) {
    for (const { job, rendered } of jobsIn(graph)) {
      for (const { kind, text } of obstaclesOf(rendered)) {
        yield {
          at: job.key,
          problem: `At each deployment it is unavailable for some seconds: its only instance ${text}, so it stops before the next one starts.`,
          fix: FIXES[kind],
        };
      }
    }
  },
};

const FIXES = {
  port: "Set count to 2 or more, or update: { canary: 1, autoPromote: true } if the port is free on another node.",
  network: "Use the network mode bridge, or set count to 2 or more.",
  volume: "Set count to 2 or more with a volume for each, or update: { canary: 0 } if an interruption is acceptable.",
};

const hastyDeployment: Check = {
  id: "hasty-deployment",
  reason:
    "Without a health check, Nomad does not wait until Consul lets callers reach the new instance, which takes up to 10 s.",
  level: "warning",
  *find({ graph }) {
    for (const { instances, name, job, group, definition } of instancesIn(graph)) {
      if ((job.Type ?? "service") !== "service" || definition.Connect?.SidecarService == null) continue;
      const { HealthCheck: basis, MinHealthyTime: time } = updateOf(job, group);
      const isBlind = basis === "task_states" || (basis === "checks" && (definition.Checks ?? []).length === 0);
      if (isBlind && !isToken(time) && time < SIDECAR_CHECK_INTERVAL) {
        yield {
          at: instances.key,
          problem: `At each deployment of ${name} requests can fail: the old instance stops once the new one has run for ${durationText(time)}, but Consul lets callers reach the new one only when its check of the sidecar has passed, up to 10 s after the start.`,
          fix:
            basis === "task_states"
              ? 'Set update.healthCheck to "checks", or minHealthyTime to 10s or more.'
              : "Add a healthCheck, or set minHealthyTime to 10s or more.",
        };
      }
    }
  },
};

const noEjection: Check = {
  id: "no-ejection",
  reason:
    "Envoy rounds down the number of instances that it may eject; if that is 0, a passive health check has no effect.",
  level: "warning",
  *find({ graph }) {
    for (const { cluster, instances: source, upstream } of upstreamsIn(graph)) {
      const { passiveHealthCheck: check } = upstream.options;
      const percent = check?.maxEjectionPercent ?? MAX_EJECTION_PERCENT;
      const isMeant = check !== undefined && check.enforcingConsecutive5xx !== 0 && percent > 0;
      const destination = graph.resolve(cluster, upstream.destination);
      // For upstreams in a peer, Consul allows Envoy to eject all instances.
      if (isMeant && upstream.destination.peer === undefined && destination?.kind === "service") {
        const instances = countOf(graph, destination);
        if (instances !== undefined && Math.floor((percent * instances) / 100) < 1) {
          yield {
            at: source.key,
            problem: `Its passive health check of ${destination.name} never ejects an instance: ${percent} % of ${instances} is less than one.`,
            fix:
              instances === 1
                ? "Run 2 instances or more; with maxEjectionPercent: 100 the only one is ejected too, and requests fail until it is back."
                : `Set maxEjectionPercent to ${Math.ceil(100 / instances)} or more.`,
          };
        }
      }
    }
  },
};

/**
 * Returns the number of instances of a service, in all versions. It is undefined if only Terraform or Nomad knows it, or if the
 * instances are elsewhere.
 */
function countOf(graph: Snapshot, service: ServiceRecord): number | undefined {
  const counts = graph.instancesOf(service.key).map(({ job, group }) => {
    const { Type, TaskGroups = [] } = graph.jobOf(job);
    const { Count = 1 } = TaskGroups.find(({ Name }) => Name === group) ?? {};
    return Type === "service" && !isToken(Count) ? Count : NaN;
  });
  const total = counts.reduce((sum, count) => sum + count, 0);
  return total > 0 && graph.trafficOf(service).resolve.redirect === undefined ? total : undefined;
}

const ignoredOnUpdate: Check = {
  id: "ignored-on-update",
  reason:
    "Nomad also waits for the check that Consul derives for the sidecar, which has the status of the service and no on_update.",
  level: "warning",
  *find({ graph }) {
    for (const { instances, name, definition } of instancesIn(graph)) {
      if (definition.Connect?.SidecarService == null) continue;
      for (const { Name = "", OnUpdate } of definition.Checks ?? []) {
        if (OnUpdate === "ignore_warnings" || OnUpdate === "ignore") {
          yield {
            at: instances.key,
            problem: `onUpdate: "${OnUpdate}" of the check "${Name}" has no effect, since ${name} has a sidecar: a deployment waits until the check passes.`,
            fix: 'Omit onUpdate, or set update.healthCheck to "task_states" if a deployment shall not wait for checks.',
          };
        }
      }
    }
  },
};

export const availabilityChecks: readonly Check[] = [
  ignoredOnUpdate,
  noEjection,
  interruptedDeployment,
  hastyDeployment,
];
