import {
  FLOWS,
  GATEWAY_FLOWS,
  Nat,
  Network,
  PROMETHEUS_FLOWS,
  SecurityGroups,
  type NetworkProps,
} from "../../constructs/aws";
import { AwsJson, AwsTestStack, type Block } from "../support/aws";
import { readPage } from "../support/page";

function stackWith(props: NetworkProps = {}, more: (groups: SecurityGroups) => void = () => undefined): AwsTestStack {
  const stack = new AwsTestStack();
  const network = new Network(stack, "net", { flowLogs: false, ...props });
  more(new SecurityGroups(stack, "groups", { network, name: "prod", tags: { team: "core" } }));
  return stack;
}

/** Names of security groups by Terraform's references to them. */
function groupNames(json: AwsJson): Readonly<Record<string, string>> {
  return Object.fromEntries(
    json.all("aws_security_group").map((it) => [json.ref(it), (it.tags as Block).Name as string]),
  );
}

/** What rules of one direction let pass, as `<group> <other end> <protocol> <ports>`. */
function rules(json: AwsJson, direction: "ingress" | "egress"): string[] {
  const names = groupNames(json);
  return json
    .all(`aws_vpc_security_group_${direction}_rule`)
    .map((rule) => {
      const peer = rule.referenced_security_group_id ?? rule.cidr_ipv4 ?? rule.cidr_ipv6 ?? rule.prefix_list_id;
      const [group, other] = [rule.security_group_id, peer].map((it) => names[it as string] ?? (it as string));
      return `${group} ${other} ${rule.ip_protocol as string} ${rule.from_port as number}-${rule.to_port as number}`;
    })
    .sort();
}

describe("the rules of a cluster", () => {
  const json = AwsJson.of(stackWith());
  const [into, out] = [rules(json, "ingress"), rules(json, "egress")];

  test("let in what the table of flows says, from group to group", () => {
    expect(into).toEqual([
      "prod-clients prod-clients tcp 20000-32000",
      "prod-clients prod-clients tcp 4646-4646",
      "prod-clients prod-clients tcp 8301-8301",
      "prod-clients prod-clients udp 8301-8301",
      "prod-clients prod-servers tcp 8301-8301",
      "prod-clients prod-servers udp 8301-8301",
      "prod-servers prod-clients tcp 4647-4647",
      "prod-servers prod-clients tcp 8300-8300",
      "prod-servers prod-clients tcp 8301-8301",
      "prod-servers prod-clients udp 8301-8301",
      "prod-servers prod-servers tcp 4647-4647",
      "prod-servers prod-servers tcp 4648-4648",
      "prod-servers prod-servers tcp 8300-8300",
      "prod-servers prod-servers tcp 8301-8301",
      "prod-servers prod-servers udp 4648-4648",
      "prod-servers prod-servers udp 8301-8301",
    ]);
  });

  test("let out the other half of it, and by HTTP and HTTPS to anywhere", () => {
    const halves = into.map((rule) => {
      const [to, from, ...rest] = rule.split(" ");
      return [from, to, ...rest].join(" ");
    });
    const outside = ["prod-clients", "prod-servers"].flatMap((group) =>
      [443, 80].map((port) => `${group} 0.0.0.0/0 tcp ${port}-${port}`),
    );
    const s3 = json.ref(json.one("aws_vpc_endpoint"), "prefix_list_id");
    expect(out).toEqual(
      [...halves, ...outside, `prod-clients ${s3} tcp 443-443`, `prod-servers ${s3} tcp 443-443`].sort(),
    );
  });

  test("are nowhere but in resources of their own", () => {
    for (const group of json.all("aws_security_group")) {
      expect(group).not.toHaveProperty("ingress");
      expect(group).not.toHaveProperty("egress");
    }
  });

  test("never let an address in", () => {
    for (const rule of json.all("aws_vpc_security_group_ingress_rule")) {
      expect(Object.keys(rule)).not.toContain("cidr_ipv4");
      expect(Object.keys(rule)).not.toContain("cidr_ipv6");
    }
  });

  test("have their reason in AWS's console, and tags", () => {
    for (const rule of json.all("aws_vpc_security_group_ingress_rule")) {
      expect(FLOWS.map(({ why }) => why)).toContain(rule.description);
      expect(rule.tags).toMatchObject({ team: "core" });
    }
  });
});

test("without internet access nothing leaves but to endpoints, whose group lets the cluster in", () => {
  const json = AwsJson.of(stackWith({ nat: Nat.none(), interfaceEndpoints: ["secretsmanager"] }));
  const outside = rules(json, "egress").filter((rule) => / tcp (443|80)-/.test(rule));
  expect(outside).toHaveLength(4);
  expect(outside.filter((rule) => rule.includes("0.0.0.0/0"))).toEqual([]);
  expect(rules(json, "ingress").filter((rule) => rule.startsWith("net-endpoints"))).toEqual([
    "net-endpoints prod-clients tcp 443-443",
    "net-endpoints prod-servers tcp 443-443",
  ]);
});

test("with IPv6 internet access is open over it too, and nothing else is", () => {
  const ipv6 = rules(AwsJson.of(stackWith({ ipv6: true })), "egress").filter((rule) => rule.includes("::/0"));
  expect(ipv6).toEqual([
    "prod-clients ::/0 tcp 443-443",
    "prod-clients ::/0 tcp 80-80",
    "prod-servers ::/0 tcp 443-443",
    "prod-servers ::/0 tcp 80-80",
  ]);
  expect(rules(AwsJson.of(stackWith({ ipv6: true })), "ingress").join()).not.toContain("::/0");
});

test("with subnets for gateways the machines of mesh gateways have a group of their own, and no address is let in", () => {
  const gateways = rules(AwsJson.of(stackWith({ gateways: true })), "ingress").filter((rule) =>
    rule.includes("prod-gateways"),
  );
  expect(gateways).toEqual([
    "prod-gateways prod-clients tcp 8443-8443",
    "prod-gateways prod-servers tcp 8443-8443",
    "prod-servers prod-gateways tcp 8503-8503",
  ]);
});

describe("a Prometheus", () => {
  const without = AwsJson.of(stackWith());
  const added = (json: AwsJson, direction: "ingress" | "egress") =>
    rules(json, direction).filter((rule) => !rules(without, direction).includes(rule));

  test("of the mesh, which runs on a client, reaches the agents of servers, and all else by what clients may", () => {
    const json = AwsJson.of(stackWith({}, (groups) => groups.allowPrometheus()));
    expect(added(json, "ingress")).toEqual([
      "prod-servers prod-clients tcp 4646-4646",
      "prod-servers prod-clients tcp 8501-8501",
    ]);
    expect(added(json, "egress")).toEqual([
      "prod-clients prod-servers tcp 4646-4646",
      "prod-clients prod-servers tcp 8501-8501",
    ]);
  });

  test("outside of the cluster reaches agents and Envoys, and its own group is left alone", () => {
    const json = AwsJson.of(stackWith({}, (groups) => groups.allowPrometheus("sg-0abc")));
    expect(added(json, "ingress")).toEqual([
      "prod-clients sg-0abc tcp 20000-32000",
      "prod-clients sg-0abc tcp 4646-4646",
      "prod-servers sg-0abc tcp 4646-4646",
      "prod-servers sg-0abc tcp 8501-8501",
    ]);
    expect(added(json, "egress")).toEqual([]);
  });

  test("is named by a security group", () => {
    expect(() => stackWith({}, (groups) => groups.allowPrometheus(""))).toThrow(
      'stack/groups: from is ""; expected a non-empty string. Set a name, or omit it.',
    );
  });
});

const ALL = [...FLOWS, ...GATEWAY_FLOWS, ...PROMETHEUS_FLOWS];

describe("the tables of flows", () => {
  test("has descriptions that AWS takes", () => {
    for (const { why } of ALL) {
      expect(why).toMatch(/^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{1,255}$/);
    }
  });

  test("are what the page about AWS shows", () => {
    const rows = readPage("docs/aws.md")
      .split("\n")
      .filter((line) => /^\| `[a-z0-9-]+` +\| (servers|clients|gateways|Prometheus)/.test(line))
      .map((line) =>
        line
          .split("|")
          .map((cell) => cell.trim())
          .slice(1, -1),
      );
    const list = (items: readonly string[]) => items.join(", ");
    expect(rows).toEqual(
      ALL.map(({ id, from, to, protocols, ports: [first, last], why, see }) => [
        `\`${id}\``,
        ...[list(from), list(to), list(protocols)],
        first === last ? `${first}` : `${first}–${last}`,
        `[${why}](${see})`,
      ]),
    );
  });
});
