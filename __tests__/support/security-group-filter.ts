import { FLOWS, PROMETHEUS_FLOWS } from "../../constructs/aws/flows/table";
import type { SynthesizedAwsCluster } from "./aws-cluster";

/** One half of what a security group allows. */
export interface SecurityRule {
  /** The flow of a table that it is made from, or the name of what a load balancer leads to. */
  readonly flow: string;
  readonly direction: "in" | "out";
  /** Groups of machines that have the security group. */
  readonly machines: readonly string[];
  /** The other end: groups of machines, a CIDR block, the prefix list of S3, or a load balancer. */
  readonly peer: { readonly machines: readonly string[] } | { readonly cidr: string } | "S3" | "load balancer";
  readonly protocol: string;
  readonly ports: readonly [number, number];
}

interface Resource {
  readonly tags: { readonly Name: string };
  readonly security_group_id: string;
  readonly referenced_security_group_id?: string;
  readonly cidr_ipv4?: string;
  readonly ip_protocol: string;
  readonly from_port: number;
  readonly to_port: number;
}

/** The rules of the security groups of a synthesized cluster. */
export function securityRules(cluster: SynthesizedAwsCluster): SecurityRule[] {
  return (["in", "out"] as const).flatMap((direction) => {
    const type = `aws_vpc_security_group_${direction === "in" ? "ingress" : "egress"}_rule`;
    return (cluster.all(type) as unknown as Resource[]).flatMap((rule) => {
      const { ip_protocol: protocol, from_port, to_port, cidr_ipv4: cidr, tags } = rule;
      const machines = cluster.groupsIn(rule.security_group_id);
      // Those of a load balancer itself are of no machine.
      if (machines.length === 0) return [];
      const { referenced_security_group_id: other } = rule;
      const isBalancers = other !== undefined && cluster.balancersIn(other).length > 0;
      const flow = [...FLOWS, ...PROMETHEUS_FLOWS].find(({ id }) => tags.Name.startsWith(`${id}-${protocol}-`));
      if (flow === undefined && !isBalancers) throw new Error(`No flow is called ${tags.Name}.`);
      const outside = cidr === undefined ? ("S3" as const) : { cidr };
      const inside = isBalancers ? ("load balancer" as const) : { machines: cluster.groupsIn(other ?? "") };
      return [
        {
          ...{ flow: flow?.id ?? tags.Name, direction, protocol, ports: [from_port, to_port] as const, machines },
          peer: other === undefined ? outside : inside,
        },
      ];
    });
  });
}

/**
 * Packet filters of a machine that let through what its security groups do, as input of `iptables-restore --table=mangle`. They keep what belongs to a
 * connection that is allowed.
 *
 * @param group of the machine
 * @param addressesOf the addresses at the other end of a rule
 * @param without flows that are not allowed; open connections of theirs are cut, too
 */
export function packetFilter(
  rules: readonly SecurityRule[],
  group: string,
  addressesOf: (peer: SecurityRule["peer"]) => readonly string[],
  without: readonly string[] = [],
): string {
  const chains = { in: ["PREROUTING -i eth0", "--source"], out: ["POSTROUTING -o eth0", "--destination"] } as const;
  const own = rules.filter(({ machines }) => machines.includes(group));
  const lines = (direction: "in" | "out", target: string, some: readonly SecurityRule[]) => {
    const [chain, side] = chains[direction];
    return some
      .filter((rule) => rule.direction === direction)
      .flatMap(({ protocol, ports, peer }) =>
        addressesOf(peer).map(
          (address) => `-A ${chain} -p ${protocol} ${side} ${address} --dport ${ports.join(":")} -j ${target}`,
        ),
      );
  };
  const cut = own.filter(({ flow }) => without.includes(flow));
  // What another rule allows, too, stays open.
  const kept = own.filter(({ flow }) => !without.includes(flow));
  return [
    "*mangle",
    ...(["in", "out"] as const).flatMap((direction) => [
      ...lines(
        direction,
        "ACCEPT",
        kept.filter(({ peer }) => peer === "S3"),
      ),
      ...lines(direction, "DROP", cut),
      `-A ${chains[direction][0]} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT`,
      ...lines(direction, "ACCEPT", kept),
      `-A ${chains[direction][0]} -j DROP`,
    ]),
    "COMMIT",
    "",
  ].join("\n");
}
