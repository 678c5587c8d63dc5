import { Token } from "cdktf";
import { MAX_EJECTION_PERCENT } from "../../consul/upstream-config";
import { MeshService } from "../../mesh/mesh-service";
import { obstaclesOf } from "../../nomad/deployment";
import type { Check } from "../check";

const interruptedDeployment: Check = {
  id: "interrupted-deployment",
  reason: "Where the only instance ends before the next one starts, requests fail for some seconds at each deployment.",
  level: "warning",
  *find({ meshes }) {
    for (const member of meshes.flatMap((mesh) => [...mesh.serviceJobs, ...mesh.gateways])) {
      for (const { kind, text } of obstaclesOf(member.renderJob())) {
        yield {
          construct: member,
          problem: `At each deployment it is gone for some seconds: its only instance ${text}, so it ends before the next one starts.`,
          fix: FIXES[kind],
        };
      }
    }
  },
};

const FIXES = {
  port: "Set count to 2 or more, or update: { canary: 1, autoPromote: true } where another node has the port free.",
  network: "Use the network mode bridge, or set count to 2 or more.",
  volume: "Set count to 2 or more with a volume for each, or update: { canary: 0 } where a pause does no harm.",
};

const noEjection: Check = {
  id: "no-ejection",
  reason:
    "Envoy rounds the share of instances that it may eject down, and at none of them a passive health check does nothing.",
  level: "warning",
  *find({ meshes }) {
    for (const job of meshes.flatMap((mesh) => mesh.serviceJobs)) {
      for (const { source, destination, destinationName, options } of job.upstreams) {
        const { passiveHealthCheck: check, peer } = options;
        const percent = check?.maxEjectionPercent ?? MAX_EJECTION_PERCENT;
        const isMeant = check !== undefined && check.enforcingConsecutive5xx !== 0 && percent > 0;
        // Of a peer Consul has Envoy eject all.
        if (!isMeant || source !== job || peer !== undefined || !(destination instanceof MeshService)) {
          continue;
        }
        const instances = instancesOf(destination);
        if (instances !== undefined && Math.floor((percent * instances) / 100) < 1) {
          yield {
            construct: job,
            problem: `Its passive health check of ${destinationName} never ejects an instance: ${percent} % of ${instances} is less than one.`,
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

/** Instances of a service, all versions together; undefined where only Terraform or Nomad knows, or they are elsewhere. */
function instancesOf(service: MeshService): number | undefined {
  const jobs = [service, ...service.versions].map((job) => job.renderJob());
  const counts = jobs.flatMap(({ TaskGroups = [] }) => TaskGroups.map(({ Count = 1 }) => Count));
  const isKnown = jobs.every(({ Type }) => Type === "service") && !counts.some((count) => Token.isUnresolved(count));
  const total = counts.reduce((sum, count) => sum + count, 0);
  return isKnown && total > 0 && service.traffic.redirect === undefined ? total : undefined;
}

export const availabilityChecks: readonly Check[] = [noEjection, interruptedDeployment];
