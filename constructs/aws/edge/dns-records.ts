import type { Lb } from "@cdktf/provider-aws/lib/lb";
import { Route53Record } from "@cdktf/provider-aws/lib/route53-record";
import type { Construct } from "constructs";
import type { PublicName } from "./publish-options";

/** Adds the name of a load balancer in Route 53. @param ipv6 whether it has IPv6 addresses */
export function addDnsRecords(scope: Construct, { name, zoneId }: PublicName, balancer: Lb, ipv6: boolean): void {
  for (const type of ipv6 ? ["A", "AAAA"] : ["A"]) {
    new Route53Record(scope, `record-${type}`, {
      ...{ zoneId, name, type },
      alias: { name: balancer.dnsName, zoneId: balancer.zoneId, evaluateTargetHealth: true },
    });
  }
}
