import { TerraformVariable } from "cdktf";
import { FlowLogs, Nat, Network, type NetworkProps } from "../../constructs/aws";
import { AwsJson, AwsTestStack, type Block } from "../support/aws";

function synth(props: NetworkProps = {}): AwsJson {
  const stack = new AwsTestStack();
  new Network(stack, "net", props);
  return AwsJson.of(stack);
}

function cidrs(json: AwsJson): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    json.all("aws_subnet").map(({ tags, cidr_block }) => [(tags as Block).Name, cidr_block] as const),
  ) as Block;
}

/** Where a subnet's traffic goes that is for somewhere else, by destination. */
function waysOut(json: AwsJson, subnetName: string): Block {
  const subnet = json.ref(json.named("aws_subnet", subnetName));
  const { route_table_id } = json.one("aws_route_table_association", { subnet_id: subnet });
  const routes = json.all("aws_route").filter((route) => route.route_table_id === route_table_id);
  return Object.fromEntries(
    routes.map((route) => [
      route.destination_cidr_block ?? route.destination_ipv6_cidr_block,
      route.nat_gateway_id ?? route.gateway_id ?? route.egress_only_gateway_id,
    ]),
  ) as Block;
}

const isIn = (inner: string, outer: string): boolean => {
  const [[first, last], [outerFirst, outerLast]] = [inner, outer].map(range);
  return outerFirst <= first && last <= outerLast;
};

function range(cidr: string): [number, number] {
  const [address, prefix] = cidr.split("/");
  const first = address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
  return [first, first + 2 ** (32 - Number(prefix)) - 1];
}

describe("subnets", () => {
  test("each of three zones has a private and a public one, cut from one block", () => {
    expect(cidrs(synth())).toEqual({
      "net-private-1": "10.0.0.0/19",
      "net-private-2": "10.0.64.0/19",
      "net-private-3": "10.0.128.0/19",
      "net-public-1": "10.0.32.0/20",
      "net-public-2": "10.0.96.0/20",
      "net-public-3": "10.0.160.0/20",
    });
  });

  test.each(["10.0.0.0/16", "10.7.128.0/20", "192.168.2.0/23"])("of %s never overlap, and are in it", (cidr) => {
    const all = Object.values(cidrs(synth({ cidr, isolated: true }))) as string[];
    expect(all).toHaveLength(9);
    for (const one of all) {
      expect(isIn(one, cidr)).toBe(true);
      for (const other of all) {
        const [[first, last], [otherFirst, otherLast]] = [one, other].map(range);
        expect(one === other || last < otherFirst || otherLast < first).toBe(true);
      }
    }
  });

  test("stay where they are when a zone or a kind is added", () => {
    const before = cidrs(synth({ zones: 1 }));
    expect(Object.keys(before)).toHaveLength(2);
    expect(cidrs(synth({ zones: 3, isolated: true }))).toMatchObject(before);
  });

  test("give no machine a public address, in no zone", () => {
    const subnets = synth({ isolated: true }).all("aws_subnet");
    expect(subnets.map(({ map_public_ip_on_launch }) => map_public_ip_on_launch)).toEqual(Array(9).fill(false));
  });

  test("are in the first zones of the region's list, and stay there when it changes", () => {
    const json = synth({ zones: 2 });
    const [first, second] = json.all("aws_subnet");
    expect(first.availability_zone).toMatch(/^\$\{element\(data\.aws_availability_zones\.\w+\.names, 0\)\}$/);
    expect(second.availability_zone).toMatch(/names, 1\)\}$/);
    expect(first.lifecycle).toEqual({ ignore_changes: ["availability_zone"] });
    expect(json.text).toContain('"filter":[{"name":"zone-type","values":["availability-zone"]}]');
  });

  test("are in the zones that are named, and follow them", () => {
    const json = synth({ zones: ["eu-central-1c", "eu-central-1a"] });
    const subnet = json.named("aws_subnet", "net-private-1");
    expect(subnet).toMatchObject({ availability_zone: "eu-central-1c" });
    expect(subnet).not.toHaveProperty("lifecycle");
    expect(json.text).not.toContain("aws_availability_zones");
  });

  test("are as many as is known without asking AWS: nothing has count or for_each", () => {
    expect(synth({ nat: Nat.perZone(), interfaceEndpoints: ["ssm"], ipv6: true }).text).not.toMatch(
      /"(count|for_each)":/,
    );
  });
});

describe("ways out", () => {
  test("of public subnets is the internet gateway", () => {
    const json = synth();
    const gateway = json.ref(json.one("aws_internet_gateway"));
    expect(waysOut(json, "net-public-3")).toEqual({ "0.0.0.0/0": gateway });
  });

  test("Nat.single() is one gateway for all zones", () => {
    const json = synth();
    const gateway = json.one("aws_nat_gateway");
    expect(gateway.subnet_id).toBe(json.ref(json.named("aws_subnet", "net-public-1")));
    for (const zone of [1, 2, 3]) {
      expect(waysOut(json, `net-private-${zone}`)).toEqual({ "0.0.0.0/0": json.ref(gateway) });
    }
  });

  test("Nat.perZone() is a gateway of each zone's own, so that the loss of a zone stays there", () => {
    const json = synth({ nat: Nat.perZone() });
    for (const zone of [1, 2, 3]) {
      const gateway = json.named("aws_nat_gateway", `net-nat-${zone}`);
      expect(gateway.subnet_id).toBe(json.ref(json.named("aws_subnet", `net-public-${zone}`)));
      expect(waysOut(json, `net-private-${zone}`)).toEqual({ "0.0.0.0/0": json.ref(gateway) });
    }
    expect(json.all("aws_eip").map(({ domain }) => domain)).toEqual(["vpc", "vpc", "vpc"]);
  });

  test("Nat.none() is none", () => {
    const json = synth({ nat: Nat.none() });
    expect(json.types).not.toContain("aws_nat_gateway");
    expect(json.types).not.toContain("aws_eip");
    expect(waysOut(json, "net-private-1")).toEqual({});
  });

  test("isolated subnets have none, not over IPv6 either", () => {
    expect(waysOut(synth({ isolated: true, ipv6: true }), "net-isolated-2")).toEqual({});
  });

  test("over IPv6 machines get out, and nothing gets in to them", () => {
    const json = synth({ ipv6: true });
    expect(json.one("aws_vpc")).toMatchObject({ assign_generated_ipv6_cidr_block: true });
    expect(waysOut(json, "net-private-2")["::/0"]).toBe(json.ref(json.one("aws_egress_only_internet_gateway")));
    expect(waysOut(json, "net-public-2")["::/0"]).toBe(json.ref(json.one("aws_internet_gateway")));
    const places = json.all("aws_subnet").map(({ ipv6_cidr_block }) => ipv6_cidr_block as string);
    expect(new Set(places).size).toBe(6);
    expect(places[0]).toMatch(/^\$\{cidrsubnet\(aws_vpc\.\w+\.ipv6_cidr_block, 8, 0\)\}$/);
    expect(json.named("aws_subnet", "net-private-1")).toMatchObject({ assign_ipv6_address_on_creation: true });
    expect(synth().text).not.toContain("ipv6");
  });
});

describe("endpoints", () => {
  test("S3 is reached from every subnet without a NAT gateway", () => {
    const json = synth({ isolated: true });
    expect(json.one("aws_vpc_endpoint")).toMatchObject({
      vpc_endpoint_type: "Gateway",
      service_name: expect.stringMatching(/^com\.amazonaws\.\$\{data\.aws_region\.\w+\.name\}\.s3$/) as unknown,
    });
    const tables = json.one("aws_vpc_endpoint").route_table_ids as string[];
    expect([...tables].sort()).toEqual(
      json
        .all("aws_route_table")
        .map((table) => json.ref(table))
        .sort(),
    );
  });

  test("of other services are in each zone, and their security group lets nothing in before somebody says who", () => {
    const json = synth({ interfaceEndpoints: ["ssm", "secretsmanager"] });
    const group = json.one("aws_security_group");
    const endpoints = json.all("aws_vpc_endpoint").filter(({ vpc_endpoint_type: type }) => type === "Interface");
    expect(endpoints.map(({ service_name }) => (service_name as string).split(".").at(-1)).sort()).toEqual([
      "secretsmanager",
      "ssm",
    ]);
    for (const endpoint of endpoints) {
      expect(endpoint.subnet_ids).toEqual(
        [1, 2, 3].map((zone) => json.ref(json.named("aws_subnet", `net-private-${zone}`))),
      );
      expect(endpoint.security_group_ids).toEqual([json.ref(group)]);
      expect(endpoint.private_dns_enabled).toBe(true);
    }
    expect(group).not.toHaveProperty("ingress");
    expect(json.types.filter((type) => type.includes("rule"))).toEqual([]);
  });
});

test("the default security group lets nothing pass", () => {
  const group = synth().one("aws_default_security_group");
  expect(Object.keys(group).sort()).toEqual(["tags", "vpc_id"]);
});

describe("flow logs", () => {
  test("go to a log group for a year, by a role that writes there and nowhere else, for this account", () => {
    const json = synth();
    const group = json.one("aws_cloudwatch_log_group");
    expect(group).toMatchObject({ name: "/meshform/net/flow-logs", retention_in_days: 365 });
    expect(json.one("aws_flow_log")).toMatchObject({
      traffic_type: "ALL",
      vpc_id: json.ref(json.one("aws_vpc")),
      log_destination: json.ref(group, "arn"),
      iam_role_arn: json.ref(json.one("aws_iam_role"), "arn"),
    });
    const { Statement } = JSON.parse(json.one("aws_iam_role_policy").policy as string) as { Statement: Block[] };
    expect(Statement.map(({ Resource }) => Resource)).toEqual([[json.ref(group, "arn").replace("}", "}:*")]]);
    expect(json.one("aws_iam_role").assume_role_policy).toMatch(/vpc-flow-logs\.amazonaws\.com.*aws:SourceAccount/);
  });

  test("are kept as long as is said, under a key of one's own, or in a bucket, or not at all", () => {
    const arn = "arn:aws:kms:eu-central-1:123456789012:key/1";
    const flowLogs = FlowLogs.toCloudWatch({ retentionDays: 30, kmsKeyArn: arn });
    expect(synth({ flowLogs }).one("aws_cloudwatch_log_group")).toMatchObject({
      retention_in_days: 30,
      kms_key_id: arn,
    });
    const toBucket = synth({ flowLogs: FlowLogs.toBucket("arn:aws:s3:::logs") });
    expect(toBucket.one("aws_flow_log")).toMatchObject({
      log_destination_type: "s3",
      log_destination: "arn:aws:s3:::logs",
    });
    expect(toBucket.types).not.toContain("aws_iam_role");
    expect(synth({ flowLogs: false }).types).not.toContain("aws_flow_log");
  });
});

describe("names and tags", () => {
  test("everything that can have tags has its name and those that were given", () => {
    const json = synth({
      name: "prod",
      tags: { team: "core" },
      isolated: true,
      ipv6: true,
      interfaceEndpoints: ["ssm"],
    });
    const untaggable = ["aws_route", "aws_route_table_association", "aws_iam_role_policy"];
    for (const type of json.types.filter((it) => !untaggable.includes(it))) {
      for (const { tags } of json.all(type)) {
        expect(tags).toMatchObject({ team: "core", Name: expect.stringMatching(/^prod/) as unknown });
      }
    }
    expect(json.types).toContain("aws_vpc_endpoint");
  });

  test.each([
    [
      { "aws:team": "core" },
      'stack/net: The tag "aws:team" begins with aws:, which is reserved for AWS. Choose another key.',
    ],
    [
      { Name: "x" },
      'stack/net: The tag "Name" is reserved for the name of each resource. Omit it: resources are named after their constructs.',
    ],
    [
      { team: "a?b" },
      'stack/net: The tag "team" has the value "a?b"; AWS allows letters, digits, spaces and _.:/=+-@. Choose another value.',
    ],
    [
      { team: "x".repeat(257) },
      'stack/net: The tag "team" has a value of 257 characters; AWS allows 256. Shorten the value.',
    ],
    [
      { "te*m": "core" },
      'stack/net: The tag "te*m" has characters other than letters, digits, spaces and _.:/=+-@. Choose another key.',
    ],
    [{ "": "core" }, 'stack/net: The tag "" has 0 characters; AWS allows 1 to 128. Choose another key.'],
  ])("refuses the tags %j", (tags, message) => {
    expect(() => synth({ tags: tags })).toThrow(message);
  });

  test("a name that AWS would refuse is refused with the construct", () => {
    expect(() => synth({ name: "x".repeat(60) })).toThrow(
      `stack/net/flow-logs: The name of the role would be "${"x".repeat(60)}-flow-logs", which has 70 characters; AWS allows 1 to 64. Choose a shorter name.`,
    );
    expect(() => synth({ name: "sg-a", interfaceEndpoints: ["ssm"], flowLogs: false })).toThrow(
      'The name of the security group would be "sg-a-endpoints"; AWS allows letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*, not beginning with sg-. Choose another name.',
    );
  });
});

describe("refuses", () => {
  test.each([
    [
      { cidr: "10.0.0.0/24" },
      'stack/net: cidr is "10.0.0.0/24". Use a prefix length from /16, the largest that AWS allows, to /23, so that a load balancer fits into a public subnet.',
    ],
    [
      { cidr: "10.0.0.1/16" },
      'cidr is "10.0.0.1/16", which is not an IPv4 CIDR block. Use an address and a prefix length, such as "10.0.0.0/16".',
    ],
    [
      { cidr: "100.64.0.0/16" },
      'cidr is "100.64.0.0/16", but agents use only private addresses. Choose a part of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16.',
    ],
    [
      { cidr: "172.26.0.0/16" },
      'cidr is "172.26.0.0/16", but Nomad\'s bridge on each host uses 172.26.64.0/20. Choose other addresses, such as "10.0.0.0/16".',
    ],
    [{ cidr: "172.17.8.0/22" }, "but Docker's bridge on each host uses 172.17.0.0/16."],
    [{ zones: 4 }, "stack/net: It has 4 zones. Use one to three; three zones tolerate the loss of one."],
    [{ zones: [] }, "It has 0 zones."],
    [{ zones: ["a", "a"] }, "stack/net: The zone a is listed twice. Use each zone once."],
  ] satisfies [NetworkProps, string][])("%j", (props, message) => {
    expect(() => synth(props)).toThrow(message);
  });

  test("addresses that only Terraform knows, since subnets are cut from them", () => {
    const stack = new AwsTestStack();
    const cidr = new TerraformVariable(stack, "cidr", { type: "string" }).stringValue;
    expect(() => new Network(stack, "net", { cidr })).toThrow(
      "Use a literal CIDR block: the subnets are calculated from it.",
    );
  });
});

describe("a network that is there already", () => {
  const ids = { vpcId: "vpc-1", privateSubnetIds: ["subnet-1", "subnet-2"] };

  test("is used, and nothing is made for it", () => {
    const stack = new AwsTestStack();
    const network = Network.fromIds(stack, "net", { ...ids, publicSubnetIds: ["subnet-3", "subnet-4"] });
    expect(network.privateSubnets).toEqual([{ id: "subnet-1" }, { id: "subnet-2" }]);
    expect(network).toMatchObject({ vpcId: "vpc-1", hasInternetAccess: true, ipv6: false, isolatedSubnets: [] });
    expect(AwsJson.of(stack).types).toEqual([]);
  });

  test.each([
    [
      { ...ids, publicSubnetIds: ["subnet-3"] },
      "stack/net: publicSubnetIds has 1 subnets, and privateSubnetIds 2. Set one for each zone, or none.",
    ],
    [
      { ...ids, privateSubnetIds: [] },
      "stack/net: privateSubnetIds has 0 subnets. Set one for each of one to three zones.",
    ],
  ])("%j is refused", (wrong, message) => {
    expect(() => Network.fromIds(new AwsTestStack(), "net", wrong)).toThrow(message);
  });
});
