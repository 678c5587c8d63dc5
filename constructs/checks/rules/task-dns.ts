import { isIP } from "node:net";
import { isLoopback } from "../../core/network-address";
import { itemsOf, known, textsOf } from "../../core/problems";
import { isToken } from "../../core/token";
import { isIsolated } from "../../nomad/network";
import type { Check } from "../check";
import { jobsIn } from "./records";

const server: Check = {
  id: "dns-server",
  reason:
    "Tasks send DNS queries to IP addresses, on port 53, and the loopback interface of an allocation is not that of its node.",
  level: "error",
  *find({ graph }) {
    for (const { job, rendered } of jobsIn(graph)) {
      for (const { Networks } of itemsOf(rendered.TaskGroups)) {
        for (const network of itemsOf(Networks)) {
          for (const given of textsOf(known(network.DNS)?.Servers)) {
            const problem = problemOf(given, isIsolated(network));
            if (problem === undefined) continue;
            yield {
              ...{ at: job.key, problem: `The name server "${given}" ${problem}` },
              fix: "Use `Dns.consul()` for the Consul agent of the node, or the IP address of a name server that answers on port 53.",
            };
          }
        }
      }
    }
  },
};

/** Nomad's and Terraform's variables are known only later. */
function problemOf(given: string, isAllocationIsolated: boolean): string | undefined {
  if (isToken(given) || given.includes("${")) return undefined;
  if (isIP(given) === 0) return "is not an IP address, so tasks resolve no names.";
  if (!isAllocationIsolated || !isLoopback(given)) return undefined;
  return "is the allocation itself, on whose loopback interface no name server answers.";
}

const driver: Check = {
  id: "dns-driver",
  reason: "With the driver raw_exec, tasks use the name servers of the node, whatever the job sets.",
  level: "warning",
  *find({ graph }) {
    for (const { job, rendered } of jobsIn(graph)) {
      for (const { Networks, Tasks } of itemsOf(rendered.TaskGroups)) {
        if (!itemsOf(Networks).some(({ DNS }) => known(DNS) !== undefined)) continue;
        for (const { Name = "", Driver } of itemsOf(Tasks)) {
          if (Driver !== "raw_exec") continue;
          yield {
            at: job.key,
            problem: `The task ${Name} has the driver raw_exec, so \`dns\` has no effect on it.`,
            fix: "Use Workload.docker, or Workload.exec with the driver exec.",
          };
        }
      }
    }
  },
};

export const taskDnsChecks: readonly Check[] = [server, driver];
