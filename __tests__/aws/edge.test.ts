import { ApiGatewayListener, GatewayCertificate, IngressListener, ServiceMesh, Workload } from "../../constructs";
import {
  AwsCluster,
  Network,
  PublishedGateway,
  type AwsClusterProps,
  type NetworkProps,
  type PublishOptions,
  type PublishUisOptions,
} from "../../constructs/aws";
import { AwsJson, AwsTestStack, type Block } from "../support/aws";
import { findingsOf, TestStack } from "../support/synth";
import { testApp } from "../support/test-app";

const CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/1";

const TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms";

interface Parts {
  readonly network?: NetworkProps;
  readonly listeners?: readonly ApiGatewayListener[];
  readonly ingress?: readonly IngressListener[];
  readonly deletionProtection?: boolean;
  readonly alarmTopicArn?: string;
}

/** A gateway in the stack of a mesh, and a cluster in another one. */
function parts({ network, listeners = [ApiGatewayListener.http({ port: 8080 })], ingress, ...rest }: Parts = {}) {
  const app = testApp();
  const mesh = new ServiceMesh(new TestStack(app, "mesh"), "mesh");
  const gateway =
    ingress === undefined
      ? mesh.addApiGateway("gateway", { listeners })
      : mesh.addIngressGateway("gateway", { listeners: ingress });
  for (const { options, protocol } of gateway.listeners) {
    const workload = Workload.docker({ image: "example/web:1" });
    const service = mesh.addService(`web-${options.port}`, { port: 80, protocol, workload });
    gateway.connectTo(service, { listener: options.port });
  }
  const stack = new AwsTestStack(app, "cluster");
  const cluster = new AwsCluster(stack, "prod", {
    network: new Network(stack, "net", { flowLogs: false, ...network }),
    ...rest,
  });
  cluster.addClientPool("general");
  cluster.addClientPool("batch");
  return { app, stack, cluster, gateway };
}

function synth(options: PublishOptions, given: Parts = {}): AwsJson {
  const { stack, cluster, gateway } = parts(given);
  cluster.publish(gateway, options);
  return AwsJson.of(stack);
}

function publishing(options: PublishOptions, given: Parts = {}): () => unknown {
  const { stack, cluster, gateway } = parts(given);
  return () => {
    cluster.publish(gateway, options);
    AwsJson.of(stack);
  };
}

/** Rules of security groups as `<port> from <source>`, `…` for what only Terraform knows. */
function rulesOf(json: AwsJson, kind: "ingress" | "egress", group: Block): string[] {
  return json
    .all(`aws_vpc_security_group_${kind}_rule`)
    .filter(({ security_group_id: id }) => id === json.ref(group))
    .map((it) => {
      const peer = it.cidr_ipv4 ?? it.cidr_ipv6 ?? it.prefix_list_id ?? it.referenced_security_group_id;
      return `${Number(it.from_port)}-${Number(it.to_port)} ${String(peer)}`;
    });
}

describe("a gateway that is published to the internet under a name", () => {
  const json = synth(
    { internetFacing: true, domain: { name: "shop.example", zoneId: "Z1" }, pools: ["general"] },
    { network: { ipv6: true }, alarmTopicArn: TOPIC },
  );
  const balancer = json.one("aws_lb");
  const own = json.named("aws_security_group", "prod-gateway-load-balancer");
  const clients = json.named("aws_security_group", "prod-clients");

  test("has a Network Load Balancer in the public subnets, with a security group from the start", () => {
    expect(balancer).toMatchObject({
      name: "prod-gateway",
      load_balancer_type: "network",
      internal: false,
      ip_address_type: "dualstack",
      subnets: [1, 2, 3].map((zone) => json.ref(json.named("aws_subnet", `net-public-${zone}`))),
      security_groups: [json.ref(own)],
      enable_cross_zone_load_balancing: true,
      enable_deletion_protection: true,
    });
  });

  test("is open to everybody on 443 only, and lets the load balancer alone reach the gateway's port of clients", () => {
    expect(rulesOf(json, "ingress", own)).toEqual(["443-443 0.0.0.0/0", "443-443 ::/0"]);
    expect(rulesOf(json, "egress", own)).toEqual([`8080-8080 ${json.ref(clients)}`]);
    expect(rulesOf(json, "ingress", clients).filter((it) => it.startsWith("8080"))).toEqual([
      `8080-8080 ${json.ref(own)}`,
    ]);
  });

  test("terminates TLS 1.2 or newer, with a certificate that is issued for the name before", () => {
    const issued = json.one("aws_acm_certificate_validation");
    expect(json.one("aws_lb_listener")).toMatchObject({
      port: 443,
      protocol: "TLS",
      ssl_policy: "ELBSecurityPolicy-TLS13-1-2-2021-06",
      certificate_arn: json.ref(issued, "certificate_arn"),
    });
    expect(json.one("aws_acm_certificate")).toMatchObject({
      domain_name: "shop.example",
      validation_method: "DNS",
      lifecycle: { create_before_destroy: true },
    });
    const proof = json.one("aws_route53_record", { ttl: 300 });
    expect(String(proof.name)).toMatch(
      /^\$\{tolist\(aws_acm_certificate\..*\.domain_validation_options\)\.0\.resource_record_name\}$/,
    );
    expect(issued.validation_record_fqdns).toEqual([json.ref(proof, "fqdn")]);
  });

  test("has that name in both families of addresses", () => {
    for (const type of ["A", "AAAA"]) {
      expect(json.one("aws_route53_record", { type })).toMatchObject({
        zone_id: "Z1",
        name: "shop.example",
        alias: { name: json.ref(balancer, "dns_name"), zone_id: json.ref(balancer, "zone_id") },
      });
    }
  });

  test("checks the health of the very port, on the machines of its pool, which are attached from outside of their group", () => {
    const target = json.one("aws_lb_target_group");
    expect(target).toMatchObject({
      ...{ port: 8080, protocol: "TCP", target_type: "instance", connection_termination: true },
      deregistration_delay: "60",
      health_check: { port: "traffic-port", protocol: "TCP" },
      // The port cannot be changed in place, and a listener uses the old one until then.
      ...{ name_prefix: "mesh-", lifecycle: { create_before_destroy: true } },
    });
    expect(json.one("aws_autoscaling_attachment")).toMatchObject({
      // A reference: Terraform creates the group first.
      autoscaling_group_name: json.ref(json.one("aws_autoscaling_group", { name: "prod-general" }), "name"),
      lb_target_group_arn: json.ref(target, "arn"),
    });
    for (const group of json.all("aws_autoscaling_group")) {
      expect(group).not.toHaveProperty("target_group_arns");
      expect(group.health_check_type).toBe("EC2");
    }
  });

  test("has an alarm for when no machine is healthy, and the cluster one for missing servers; no data is bad news", () => {
    const told = {
      ...{
        comparison_operator: "LessThanThreshold",
        treat_missing_data: "breaching",
        period: 60,
        statistic: "Minimum",
      },
      ...{ alarm_actions: [TOPIC], ok_actions: [TOPIC] },
    };
    expect(json.one("aws_cloudwatch_metric_alarm", { namespace: "AWS/NetworkELB" })).toMatchObject({
      ...told,
      ...{ alarm_name: "prod-gateway-443-no-healthy-target", metric_name: "HealthyHostCount", threshold: 1 },
      dimensions: {
        LoadBalancer: json.ref(balancer, "arn_suffix"),
        TargetGroup: json.ref(json.one("aws_lb_target_group"), "arn_suffix"),
      },
    });
    expect(json.one("aws_cloudwatch_metric_alarm", { namespace: "AWS/AutoScaling" })).toMatchObject({
      ...told,
      ...{ alarm_name: "prod-servers-missing", metric_name: "GroupInServiceInstances", threshold: 3 },
      dimensions: { AutoScalingGroupName: "prod-servers" },
    });
    const ofServers = json.all("aws_cloudwatch_metric_alarm").filter(({ namespace }) => namespace === "Meshform/prod");
    expect(ofServers.map((it) => [it.alarm_name, it.metric_name, it.dimensions, it.threshold])).toEqual([
      ["prod-agent-certificate-days", "CertificateDaysLeft", { Kind: "agent" }, 7],
      ["prod-ca-certificate-days", "CertificateDaysLeft", { Kind: "ca" }, 90],
      ["prod-consul-failure-tolerance", "FailureTolerance", { Engine: "consul" }, 1],
      ["prod-consul-snapshot-age", "SnapshotAgeSeconds", { Engine: "consul" }, 7800],
      ["prod-nomad-failure-tolerance", "FailureTolerance", { Engine: "nomad" }, 1],
      ["prod-nomad-snapshot-age", "SnapshotAgeSeconds", { Engine: "nomad" }, 7800],
    ]);
    const older = { comparison_operator: "GreaterThanThreshold", statistic: "Maximum" };
    for (const alarm of ofServers) {
      expect(alarm).toMatchObject({ ...told, ...(alarm.metric_name === "SnapshotAgeSeconds" && older) });
    }
    // Without it, the group has no such metric.
    expect(json.one("aws_autoscaling_group", { name: "prod-servers" }).enabled_metrics).toEqual([
      "GroupInServiceInstances",
    ]);
  });

  test("logs connections in the bucket of the cluster once that may be written to", () => {
    const bucket = json.ref(json.named("aws_s3_bucket", "prod-logs"));
    expect(balancer.access_logs).toEqual({
      bucket: json.ref(json.one("aws_s3_bucket_policy", { bucket })),
      prefix: "load-balancers/prod-gateway",
      enabled: true,
    });
  });
});

describe("a gateway that is published", () => {
  test("is internal by default, for those whom it names", () => {
    const json = synth({ allowFrom: ["sg-0abc", "pl-0abc", "10.1.0.0/16", "fd00::/8"] }, { deletionProtection: false });
    expect(json.one("aws_lb")).toMatchObject({
      internal: true,
      ip_address_type: "ipv4",
      subnets: [1, 2, 3].map((zone) => json.ref(json.named("aws_subnet", `net-private-${zone}`))),
      enable_deletion_protection: false,
    });
    expect(json.one("aws_lb_listener")).toMatchObject({ port: 8080, protocol: "TCP" });
    expect(rulesOf(json, "ingress", json.named("aws_security_group", "prod-gateway-load-balancer"))).toEqual(
      ["sg-0abc", "pl-0abc", "10.1.0.0/16", "fd00::/8"].map((it) => `8080-8080 ${it}`),
    );
    expect(json.all("aws_autoscaling_attachment")).toHaveLength(2);
    expect(json.types).not.toContain("aws_cloudwatch_metric_alarm");
  });

  test("with TLS of its own is passed on as it is, without a certificate", () => {
    const json = synth(
      { internetFacing: true, domain: { name: "shop.example", zoneId: "Z1" } },
      {
        listeners: [
          ApiGatewayListener.tcp({
            port: 8443,
            tls: { certificates: [GatewayCertificate.files({ certFile: "/a.crt", keyFile: "/a.key" })] },
          }),
        ],
      },
    );
    expect(json.one("aws_lb_listener")).toMatchObject({ port: 8443, protocol: "TCP" });
    expect(json.types).not.toContain("aws_acm_certificate");
  });

  test("has the ports that it asks for, and the target's own port", () => {
    const json = synth(
      { allowFrom: ["sg-1"], certificateArn: CERTIFICATE, ports: { 8080: 443, 9000: 9443 } },
      { listeners: [ApiGatewayListener.http({ port: 8080, hostPort: 28080 }), ApiGatewayListener.tcp({ port: 9000 })] },
    );
    expect(json.all("aws_lb_listener").map(({ port }) => port)).toEqual([443, 9443]);
    expect(json.all("aws_lb_target_group").map(({ port }) => port)).toEqual([28080, 9000]);
  });

  test("of gRPC tells clients of HTTP/2 in the handshake", () => {
    const json = synth(
      { allowFrom: ["sg-1"], certificateArn: CERTIFICATE },
      { ingress: [IngressListener.grpc({ port: 8080 })] },
    );
    expect(json.one("aws_lb_listener")).toMatchObject({ protocol: "TLS", alpn_policy: "HTTP2Only" });
  });

  test.each([
    ["http", IngressListener.http({ port: 8080 }), { protocol_version: "HTTP1" }],
    ["http2", IngressListener.http2({ port: 8080 }), { protocol_version: "HTTP2" }],
    ["gRPC", IngressListener.grpc({ port: 8080 }), { protocol_version: "GRPC" }],
  ])("by an Application Load Balancer gets %s requests", (_, listener, expected) => {
    const json = synth(
      { kind: "application", allowFrom: ["sg-1"], certificateArn: CERTIFICATE },
      { ingress: [listener] },
    );
    expect(json.one("aws_lb")).toMatchObject({ load_balancer_type: "application", drop_invalid_header_fields: true });
    expect(json.one("aws_lb_listener")).toMatchObject({ port: 443, protocol: "HTTPS", certificate_arn: CERTIFICATE });
    expect(json.one("aws_lb_target_group")).toMatchObject({ protocol: "HTTP", ...expected });
    expect(json.one("aws_lb_target_group")).not.toHaveProperty("connection_termination");
  });

  test("can be published in a stack of its own, which needs the cluster's and is needed by none", () => {
    const { app, stack, cluster, gateway } = parts();
    const edge = new AwsTestStack(app, "edge");
    new PublishedGateway(edge, "edge", { cluster, gateway, allowFrom: ["sg-1"] });
    app.synth();
    const names = ({ dependencies }: AwsTestStack) => dependencies.map(({ node }) => node.path);
    expect(names(edge)).toEqual(["cluster"]);
    expect(names(stack)).toEqual([]);
  });
});

describe("the UIs of a cluster", () => {
  function uis(options: Partial<PublishUisOptions> = {}, props: Partial<AwsClusterProps> = {}) {
    const stack = new AwsTestStack();
    const network = new Network(stack, "net", { flowLogs: false });
    const cluster = new AwsCluster(stack, "prod", { network, uis: true, ...props });
    cluster.publishUis({ allowFrom: ["10.8.0.0/16"], domain: { name: "mesh.example", zoneId: "Z1" }, ...options });
    return AwsJson.of(stack);
  }
  const json = uis({}, { alarmTopicArn: TOPIC });
  const own = json.named("aws_security_group", "prod-uis-load-balancer");
  const servers = json.named("aws_security_group", "prod-servers");

  test("are behind an internal load balancer, in the private subnets", () => {
    expect(json.one("aws_lb")).toMatchObject({
      ...{ name: "prod-uis", load_balancer_type: "network", internal: true, enable_deletion_protection: true },
      subnets: [1, 2, 3].map((zone) => json.ref(json.named("aws_subnet", `net-private-${zone}`))),
      security_groups: [json.ref(own)],
      access_logs: { prefix: "load-balancers/prod-uis", enabled: true },
    });
  });

  test("can be reached by those who are listed, and the servers on these two ports only by the load balancer", () => {
    expect(rulesOf(json, "ingress", own)).toEqual(["8501-8501 10.8.0.0/16", "4646-4646 10.8.0.0/16"]);
    expect(rulesOf(json, "egress", own)).toEqual([8501, 4646].map((port) => `${port}-${port} ${json.ref(servers)}`));
    const into = rulesOf(json, "ingress", servers);
    expect(into.filter((it) => it.endsWith(json.ref(own)))).toEqual(
      [8501, 4646].map((it) => `${it}-${it} ${json.ref(own)}`),
    );
    expect(into.filter((it) => /^(8501|4646)-/.test(it))).toHaveLength(2);
  });

  test("have TLS from the browser to the server, with a certificate for their name", () => {
    const certificate = json.ref(json.one("aws_acm_certificate_validation"), "certificate_arn");
    const tls = { protocol: "TLS", certificate_arn: certificate, ssl_policy: "ELBSecurityPolicy-TLS13-1-2-2021-06" };
    expect(json.all("aws_lb_listener")).toMatchObject([8501, 4646].map((port) => ({ port, ...tls })));
    expect(json.all("aws_lb_target_group")).toMatchObject([
      { port: 8501, protocol: "TLS", health_check: { protocol: "HTTPS", path: "/v1/status/leader" } },
      { port: 4646, protocol: "TLS", health_check: { protocol: "HTTPS", path: "/v1/agent/health" } },
    ]);
    expect(json.one("aws_route53_record", { type: "A" })).toMatchObject({ name: "mesh.example", zone_id: "Z1" });
  });

  test("are those of the servers, which need no certificate of the browser, and which no health check terminates", () => {
    const group = json.one("aws_autoscaling_group", { name: "prod-servers" });
    expect(json.all("aws_autoscaling_attachment").map((it) => it.autoscaling_group_name)).toEqual(
      Array(2).fill(json.ref(group, "name")),
    );
    expect(group.health_check_type).toBe("EC2");
    const verifies = (uis: boolean) => {
      const stack = new AwsTestStack();
      const cluster = new AwsCluster(stack, "prod", { network: new Network(stack, "net", { flowLogs: false }), uis });
      const file = cluster.consul.host.files.find(({ path }) => path === "/etc/consul.d/consul.json");
      const { tls } = JSON.parse(String(file?.content)) as {
        tls: Record<"defaults" | "https", { verify_incoming?: boolean } | undefined>;
      };
      return { https: tls.https?.verify_incoming ?? tls.defaults?.verify_incoming, rpc: tls.defaults?.verify_incoming };
    };
    expect(verifies(true)).toEqual({ https: false, rpc: true });
    expect(verifies(false)).toEqual({ https: true, rpc: true });
  });

  test("have an alarm each", () => {
    expect(json.all("aws_cloudwatch_metric_alarm").map((it) => it.alarm_name)).toEqual(
      expect.arrayContaining(["prod-uis-consul-no-healthy-target", "prod-uis-nomad-no-healthy-target"]),
    );
  });

  test("cannot be internet-facing, nor without a certificate, nor of servers that ask for one", () => {
    const wrong = { internetFacing: true } as Partial<PublishUisOptions>;
    expect(() => uis(wrong)).toThrow("stack/prod: publishUis.internetFacing is set; it is not a known property.");
    expect(() => uis({ domain: undefined })).toThrow(
      "stack/prod/uis: The load balancer has no certificate. Set certificateArn or domain.",
    );
    expect(() => uis({ allowFrom: [] })).toThrow(
      "stack/prod/uis: Nothing can connect to the load balancer: allowFrom is empty. List security groups, prefix lists or CIDR blocks in allowFrom.",
    );
    expect(() => uis({}, { uis: false })).toThrow(
      "stack/prod/uis: The servers of the cluster prod accept HTTPS only with a certificate of the cluster, which browsers do not have. Set uis of the AwsCluster to true.",
    );
  });
});

const PLAIN: Parts = {};
const known = new Map<Parts, ReturnType<typeof parts>>();
let published = 0;

/** Publishes a gateway of an app that is never synthesized; the same one for the same parts. */
function publish(options: PublishOptions, given: Parts): void {
  const all = known.get(given) ?? parts(given);
  known.set(given, all);
  const { stack, cluster, gateway } = all;
  new PublishedGateway(stack, `edge-${published++}`, { cluster, gateway, ...options });
}

describe("it is an error that AWS would make one, or that nobody would reach", () => {
  const grpc = [IngressListener.grpc({ port: 8080 })];
  test.each<readonly [string, PublishOptions, Parts, string]>([
    [
      "nobody who may connect",
      {},
      PLAIN,
      "Nothing can connect to the load balancer: allowFrom is empty. List security groups, prefix lists or CIDR blocks in allowFrom, or set internetFacing to true.",
    ],
    [
      "a source that rules cannot name",
      { allowFrom: ["10.0.0.1/8"] },
      PLAIN,
      'allowFrom contains "10.0.0.1/8". Use the id of a security group ("sg-…") or of a prefix list ("pl-…"), or a CIDR block such as "10.0.0.0/16".',
    ],
    [
      "a name that is too long",
      { allowFrom: ["sg-1"], name: "a".repeat(33) },
      PLAIN,
      `The name of the load balancer would be "${"a".repeat(33)}", which has 33 characters; AWS allows 1 to 32. Choose a shorter name.`,
    ],
    [
      "a name that AWS keeps for itself",
      { allowFrom: ["sg-1"], name: "internal-edge" },
      PLAIN,
      'The name of the load balancer would be "internal-edge"; AWS allows letters, digits and dashes, not beginning with internal-, nor beginning or ending with a dash. Choose another name.',
    ],
    [
      "a pool that there is not",
      { allowFrom: ["sg-1"], pools: ["edge"] },
      PLAIN,
      "The cluster prod has no client pool edge. Choose from its pools: general, batch.",
    ],
    [
      "a port of no listener",
      { allowFrom: ["sg-1"], ports: { 80: 443 } },
      PLAIN,
      "ports has port 80, but the listeners of the gateway gateway have 8080. Use the port of a listener.",
    ],
    [
      "two listeners on one port",
      { allowFrom: ["sg-1"], ports: { 9000: 8080 } },
      { listeners: [ApiGatewayListener.http({ port: 8080 }), ApiGatewayListener.tcp({ port: 9000 })] },
      "Two listeners of the gateway gateway would have port 8080 of the load balancer. Set another one in ports.",
    ],
    [
      "a tcp listener for an Application Load Balancer",
      { allowFrom: ["sg-1"], kind: "application" },
      { listeners: [ApiGatewayListener.tcp({ port: 9000 })] },
      'The listener on port 9000 of the gateway gateway is for tcp, which an Application Load Balancer does not forward. Set kind to "network".',
    ],
    [
      "gRPC without TLS for one",
      { allowFrom: ["sg-1"], kind: "application" },
      { ingress: grpc },
      'The listener on port 8080 of the gateway gateway is for grpc, which an Application Load Balancer forwards only from a TLS listener. Set certificateArn or domain, or set kind to "network".',
    ],
    [
      "one zone for one",
      { allowFrom: ["sg-1"], kind: "application" },
      { network: { zones: 1 } },
      'An Application Load Balancer needs subnets in two zones, and the network has one. Use a network with more zones, or set kind to "network".',
    ],
  ])("%s", (_, options, given, message) => {
    expect(() => {
      publish(options, given);
    }).toThrow(`: ${message}`);
  });

  test("no pool, and no public subnets", () => {
    const { cluster, gateway } = parts();
    const stack = new AwsTestStack(testApp());
    const network = Network.fromIds(stack, "net", { vpcId: "vpc-1", privateSubnetIds: ["subnet-1"] });
    const empty = new AwsCluster(stack, "empty", { network, serverCount: 1 });
    expect(() => empty.publish(gateway, { allowFrom: ["sg-1"] })).toThrow(
      "stack/empty/publish-gateway: The cluster empty has no client pool on which the gateway could run. Add one before you publish the gateway.",
    );
    empty.addClientPool("general");
    expect(() => new PublishedGateway(stack, "edge", { cluster: empty, gateway, internetFacing: true })).toThrow(
      "stack/edge: It has internetFacing, but the network has no public subnets. Set publicSubnetIds of Network.fromIds, or omit internetFacing.",
    );
    expect(cluster.pools).toEqual({ general: "prod-general", batch: "prod-batch" });
  });

  test("plaintext on the internet, whatever forwards it", () => {
    for (const kind of ["network", "application"] as const) {
      expect(findingsOf(publishing({ internetFacing: true, kind }))).toEqual([
        `cluster/prod/publish-gateway/8080-listener: Port 8080 of an internet-facing load balancer accepts ${kind === "network" ? "TCP" : "HTTP"} without TLS. Set certificateArn or domain, use a gateway listener with tls, or omit internetFacing. (public-without-tls)`,
      ]);
    }
  });
});
