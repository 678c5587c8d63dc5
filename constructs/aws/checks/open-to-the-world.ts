import type { Check } from "../../checks/check";
import { blocksOf, resourcesOf } from "./resources";

const EVERYBODY = ["0.0.0.0/0", "::/0"];

/** A rule that lets everybody in, wherever in the app it was written. Internet-facing load balancers of gateways silence it for their own rules. */
export const openToTheWorld: Check = {
  id: "open-to-the-world",
  reason: "Ports that are open to the internet are scanned and attacked within minutes.",
  level: "error",
  *find(app) {
    const types = ["aws_vpc_security_group_ingress_rule", "aws_security_group_rule", "aws_security_group"];
    for (const { resource, attributes } of resourcesOf(app, ...types, "aws_default_security_group")) {
      const rules = attributes.type === "egress" ? [] : [attributes, ...blocksOf(attributes.ingress)];
      for (const rule of rules) {
        const open = cidrsOf(rule).filter((cidr) => EVERYBODY.includes(cidr));
        if (open.length > 0) {
          yield {
            at: resource,
            problem: `It allows ${open.join(" and ")} to connect to ${portsOf(rule)}.`,
            fix: "Allow a security group instead, or only the addresses that need access.",
          };
        }
      }
    }
  },
};

function cidrsOf(rule: Readonly<Record<string, unknown>>): readonly string[] {
  const { cidr_ipv4, cidr_ipv6, cidr_blocks, ipv6_cidr_blocks } = rule;
  return [cidr_ipv4, cidr_ipv6, cidr_blocks, ipv6_cidr_blocks].flat().filter((it) => typeof it === "string");
}

function portsOf(rule: Readonly<Record<string, unknown>>): string {
  const [from, to] = [rule.from_port, rule.to_port].map(Number);
  if ([rule.ip_protocol, rule.protocol].includes("-1") || Number.isNaN(from)) {
    return "every port";
  }
  return from === to ? `port ${from}` : `ports ${from} to ${to}`;
}
