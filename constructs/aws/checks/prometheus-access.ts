import type { IConstruct } from "constructs";
import type { Check } from "../../checks/check";
import { listOfApp } from "../../core/list-of-app";

/** The security groups of a cluster, as the check sees them. */
interface CheckedSecurityGroups {
  readonly allowsPrometheus: boolean;
}

/** The security groups of the clusters of an app. */
export function securityGroupsOf(scope: IConstruct): CheckedSecurityGroups[] {
  return listOfApp(scope, "aws-security-groups");
}

export const prometheusAccess: Check = {
  id: "prometheus-access",
  reason: "Agents that Prometheus cannot reach raise the alerts of agents that have failed.",
  level: "warning",
  *find({ root, graph }) {
    const groups = securityGroupsOf(root);
    if (groups.length === 0 || groups.some(({ allowsPrometheus }) => allowsPrometheus)) return;
    for (const at of graph.data.scrapers) {
      yield {
        at,
        problem: "It scrapes the agents of servers, but no security group lets it reach their ports 8501 and 4646.",
        fix: "Call allowPrometheus() of the AwsCluster, or set consul and nomad of addPrometheus to false.",
      };
    }
  },
};
