import { AwsProvider } from "@cdktf/provider-aws/lib/provider";
import type { Construct } from "constructs";
import {
  AwsCluster,
  ClusterConnection,
  Network,
  type AwsClusterProps,
  type ClientPoolProps,
  type ClusterConnectionProps,
  type NetworkLike,
} from "../../constructs/aws";
import { AwsJson, AwsTestStack, type Block } from "../support/aws";
import { testApp } from "../support/test-app";

/** Where a cluster is: in a region of its own, with the provider of that region. */
function clusterIn(app: Construct, datacenter: string, cidr: string, props: Partial<AwsClusterProps> = {}): AwsCluster {
  const stack = new AwsTestStack(app, datacenter);
  const network = new Network(stack, "net", { name: datacenter, cidr, zones: 3, gateways: true, flowLogs: false });
  return new AwsCluster(stack, datacenter, { network, datacenter, ...props });
}

/** Two clusters in two regions, each with a pool for gateways, and a stack that connects them. */
function connected(props: Partial<ClusterConnectionProps> = {}) {
  const app = testApp();
  const [cluster, peer] = [clusterIn(app, "dc1", "10.0.0.0/16"), clusterIn(app, "dc2", "10.1.0.0/16")];
  const stack = new AwsTestStack(app, "connection");
  const peerProvider = new AwsProvider(stack, "peer", { alias: "peer", region: "eu-west-1" });
  new ClusterConnection(stack, "connection", { cluster, peer, peerProvider, ...props });
  const [json, ofCluster, ofPeer] = [stack, ...[cluster, peer].map((it) => it.node.scope as AwsTestStack)].map((it) =>
    AwsJson.of(it),
  );
  return { json, ofCluster, ofPeer, stack };
}

const GATEWAYS = {
  dc1: ["10.0.56.0/21", "10.0.120.0/21", "10.0.184.0/21"],
  dc2: ["10.1.56.0/21", "10.1.120.0/21", "10.1.184.0/21"],
};

const isPeers = ({ provider }: Block) => provider === "aws.peer";

describe("a connection of two clusters", () => {
  const { json, ofCluster, ofPeer, stack } = connected();

  test("peers their networks, which the other region accepts", () => {
    const request = json.one("aws_vpc_peering_connection");
    expect(request).toMatchObject({ peer_region: "eu-west-1", auto_accept: false });
    expect(request).not.toHaveProperty("provider");
    expect(json.one("aws_vpc_peering_connection_accepter")).toMatchObject({
      provider: "aws.peer",
      auto_accept: true,
      vpc_peering_connection_id: json.ref(request),
    });
  });

  test("adds routes between the subnets of the gateways and to nothing else, when it is accepted", () => {
    const accepted = json.ref(json.one("aws_vpc_peering_connection_accepter"));
    const routes = json.all("aws_route");
    for (const [there, isSide] of [
      [GATEWAYS.dc2, (it: Block) => !isPeers(it)],
      [GATEWAYS.dc1, isPeers],
    ] as const) {
      const own = routes.filter(isSide);
      expect(own.map(({ destination_cidr_block: it }) => it)).toEqual([...there, ...there, ...there]);
      const tables = new Set(own.map(({ route_table_id: it }) => String(it)));
      expect(tables.size).toBe(3);
      for (const table of tables) expect(table).toContain("gateway-");
    }
    for (const route of routes) expect(route.vpc_peering_connection_id).toBe(accepted);
  });

  test("lets the gateways of each reach the port of those of the other, and nothing else", () => {
    for (const direction of ["ingress", "egress"]) {
      const rules = json.all(`aws_vpc_security_group_${direction}_rule`);
      const described = rules.map((rule) => {
        const { cidr_ipv4, ip_protocol, from_port, to_port } = rule as Record<string, string>;
        return `${isPeers(rule) ? "dc2" : "dc1"} ${cidr_ipv4} ${ip_protocol} ${from_port}-${to_port}`;
      });
      expect(described).toEqual([
        ...GATEWAYS.dc2.map((cidr) => `dc1 ${cidr} tcp 8443-8443`),
        ...GATEWAYS.dc1.map((cidr) => `dc2 ${cidr} tcp 8443-8443`),
      ]);
      for (const { security_group_id: group } of rules) expect(String(group)).toContain("gateways");
    }
  });

  test("leaves the stacks of the clusters without a dependency on each other or on it", () => {
    expect(stack.dependencies.map(({ node }) => node.id).sort()).toEqual(["dc1", "dc2"]);
    for (const dependency of stack.dependencies) expect(dependency.dependencies).toEqual([]);
    for (const own of [ofCluster, ofPeer]) {
      expect(own.types).not.toContain("aws_vpc_peering_connection");
      for (const rule of own.all("aws_vpc_security_group_ingress_rule")) expect(rule).not.toHaveProperty("cidr_ipv4");
    }
  });
});

test("without VPC peering it adds only rules, for networks that are connected already", () => {
  const { json } = connected({ vpcPeering: false });
  expect([...json.types].sort()).toEqual(["aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule"]);
});

describe("a pool of mesh gateways", () => {
  function poolIn(network: (stack: AwsTestStack) => NetworkLike, pool: ClientPoolProps): AwsJson {
    const stack = new AwsTestStack();
    const cluster = new AwsCluster(stack, "prod", { network: network(stack) });
    cluster.addClientPool("general");
    cluster.addClientPool("edge", pool);
    return AwsJson.of(stack);
  }

  test("is in the subnets and in the additional security group of gateways, as no other pool is", () => {
    const json = poolIn((stack) => new Network(stack, "net", { gateways: true }), { subnets: "gateway" });
    const ref = (type: string, name: string) => json.ref(json.named(type, name));
    const groupsOf = (name: string) =>
      ([json.named("aws_launch_template", name).network_interfaces].flat() as Block[])[0].security_groups;
    const clients = ref("aws_security_group", "prod-clients");
    expect(groupsOf("prod-edge")).toEqual([clients, ref("aws_security_group", "prod-gateways")]);
    expect(groupsOf("prod-general")).toEqual([clients]);
    const subnetsOf = (name: string) => json.one("aws_autoscaling_group", { name }).vpc_zone_identifier;
    const named = (kind: string) => [1, 2, 3].map((zone) => ref("aws_subnet", `net-${kind}-${zone}`));
    expect(subnetsOf("prod-edge")).toEqual(named("gateway"));
    expect(subnetsOf("prod-general")).toEqual(named("private"));
  });

  test("is no target of a published gateway, unless it is named", () => {
    const stack = new AwsTestStack();
    const cluster = new AwsCluster(stack, "prod", { network: new Network(stack, "net", { gateways: true }) });
    cluster.addClientPool("general");
    cluster.addClientPool("edge", { subnets: "gateway" });
    const gateway = (serviceName: string) => ({
      serviceName,
      listeners: [{ protocol: "http", options: { port: 80 } }],
    });
    cluster.publish(gateway("web"), { allowFrom: ["10.0.0.0/16"] });
    cluster.publish(gateway("api"), { allowFrom: ["10.0.0.0/16"], pools: ["edge"] });
    const json = AwsJson.of(stack);
    const groups = json.all("aws_autoscaling_attachment").map(({ autoscaling_group_name: it }) => it);
    expect([...groups].sort()).toEqual(
      ["prod-edge", "prod-general"].map((name) => json.ref(json.one("aws_autoscaling_group", { name }), "name")),
    );
  });

  test("can be in subnets that exist, and needs some", () => {
    const ids = { vpcId: "vpc-1", privateSubnetIds: ["subnet-1", "subnet-2", "subnet-3"] };
    const gatewaySubnets = [4, 5, 6].map((it) => ({ id: `subnet-${it}`, cidr: `10.0.${it}.0/24` }));
    const json = poolIn((stack) => Network.fromIds(stack, "net", { ...ids, gatewaySubnets }), { subnets: "gateway" });
    expect(json.one("aws_autoscaling_group", { name: "prod-edge" }).vpc_zone_identifier).toEqual([
      ...["subnet-4", "subnet-5", "subnet-6"],
    ]);
    expect(() => poolIn((stack) => Network.fromIds(stack, "net", ids), { subnets: "gateway" })).toThrow(
      "stack/prod/edge-machines: Its subnets are those for gateways, and its network has none. Set gateways of the Network to true, or gatewaySubnets of Network.fromIds.",
    );
  });
});

describe("a connection refuses", () => {
  test("a cluster without subnets for gateways", () => {
    const stack = new AwsTestStack(testApp(), "own");
    const network = new Network(stack, "net");
    const cluster = new AwsCluster(stack, "plain", { network });
    expect(() => connected({ cluster })).toThrow(
      "connection/connection: The network of own/plain has no subnets for gateways. Set gateways of the Network to true, or gatewaySubnets of Network.fromIds.",
    );
  });

  test("two clusters of one datacenter", () => {
    expect(() => connected({ peer: clusterIn(testApp(), "west", "10.1.0.0/16", { datacenter: "dc1" }) })).toThrow(
      "connection/connection: Both clusters are the datacenter dc1. Set datacenter of one of them to another name.",
    );
  });

  test("networks whose addresses overlap", () => {
    expect(() => connected({ peer: clusterIn(testApp(), "west", "10.0.128.0/20") })).toThrow(
      "connection/connection: The addresses 10.0.0.0/16 of dc1/dc1 and 10.0.128.0/20 of west/west overlap. Set cidr of one of both networks to other addresses.",
    );
  });

  test("to peer networks whose route tables it does not know", () => {
    const stack = new AwsTestStack(testApp(), "own");
    const network = Network.fromIds(stack, "net", {
      ...{ vpcId: "vpc-1", privateSubnetIds: ["subnet-1", "subnet-2", "subnet-3"] },
      gatewaySubnets: [4, 5, 6].map((it) => ({ id: `subnet-${it}`, cidr: `10.9.${it}.0/24` })),
    });
    expect(() => connected({ cluster: new AwsCluster(stack, "own", { network, datacenter: "dc9" }) })).toThrow(
      "connection/connection: The route tables of the gateways of own/own are not known. Connect the networks yourself, and set vpcPeering to false.",
    );
  });
});
