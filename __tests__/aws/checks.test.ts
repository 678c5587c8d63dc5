import { SecurityGroup } from "@cdktf/provider-aws/lib/security-group";
import { VpcSecurityGroupIngressRule } from "@cdktf/provider-aws/lib/vpc-security-group-ingress-rule";
import { silence } from "../../constructs";
import { AWS_CHECKS, Network, SecurityGroups } from "../../constructs/aws";
import { AwsJson, AwsTestStack } from "../support/aws";
import { readPage } from "../support/page";
import { findingsOf } from "../support/synth";

function stackWith(): AwsTestStack {
  const stack = new AwsTestStack();
  const network = new Network(stack, "net", { flowLogs: false });
  new SecurityGroups(stack, "groups", { network, name: "prod" });
  return stack;
}

test("the page about AWS lists its checks, with their levels and reasons", () => {
  const rows = readPage("docs/aws.md")
    .split("\n")
    .filter((line) => /^\| `[a-z0-9-]+` +\| (error|warning) /.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")))
    .map(([, id, level, reason]) => ({ id, level, reason }));
  expect(rows).toEqual(AWS_CHECKS.map(({ id, level, reason }) => ({ id, level, reason })));
});

describe("open-to-the-world", () => {
  test("finds a rule that lets everybody in, in a resource of its own or not", () => {
    const stack = stackWith();
    new VpcSecurityGroupIngressRule(stack, "rpc", {
      securityGroupId: "sg-1",
      ipProtocol: "tcp",
      fromPort: 8300,
      toPort: 8300,
      cidrIpv4: "0.0.0.0/0",
    });
    new SecurityGroup(stack, "inline", {
      ingress: [{ protocol: "-1", fromPort: 0, toPort: 0, cidrBlocks: ["10.0.0.0/8"], ipv6CidrBlocks: ["::/0"] }],
    });
    expect(findingsOf(() => AwsJson.of(stack))).toEqual([
      "stack/rpc: It lets 0.0.0.0/0 in, at port 8300. Name a security group instead, or the addresses of those who need it. (open-to-the-world)",
      "stack/inline: It lets ::/0 in, at every port. Name a security group instead, or the addresses of those who need it. (open-to-the-world)",
    ]);
  });

  test("minds neither addresses of one's own nor what leads out, and can be silenced", () => {
    const stack = stackWith();
    const common = { securityGroupId: "sg-1", ipProtocol: "tcp", fromPort: 443, toPort: 443 };
    new VpcSecurityGroupIngressRule(stack, "office", { ...common, cidrIpv4: "198.51.100.0/24" });
    const site = new VpcSecurityGroupIngressRule(stack, "site", { ...common, cidrIpv4: "0.0.0.0/0" });
    silence(site, "open-to-the-world", "It is the site.");
    expect(findingsOf(() => AwsJson.of(stack))).toEqual([]);
  });
});
