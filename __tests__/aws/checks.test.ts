import { AutoscalingGroup } from "@cdktf/provider-aws/lib/autoscaling-group";
import { LaunchTemplate } from "@cdktf/provider-aws/lib/launch-template";
import { SecurityGroup } from "@cdktf/provider-aws/lib/security-group";
import { VpcSecurityGroupIngressRule } from "@cdktf/provider-aws/lib/vpc-security-group-ingress-rule";
import { ConsulProvider } from "@cdktf/provider-consul/lib/provider";
import { NomadProvider } from "@cdktf/provider-nomad/lib/provider";
import type { IConstruct } from "constructs";
import {
  ApiGatewayListener,
  Constraint,
  type MeshGatewayBaseProps,
  Metrics,
  Protocol,
  ServiceMesh,
  silence,
  Workload,
} from "../../constructs";
import {
  AWS_CHECKS,
  AwsCluster,
  MachineImage,
  Nat,
  Network,
  Scaling,
  SecurityGroups,
  type AwsClusterProps,
  type ClientPoolProps,
  type NetworkProps,
} from "../../constructs/aws";
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
      "stack/rpc: It allows 0.0.0.0/0 to connect to port 8300. Allow a security group instead, or only the addresses that need access. (open-to-the-world)",
      "stack/inline: It allows ::/0 to connect to every port. Allow a security group instead, or only the addresses that need access. (open-to-the-world)",
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

/** What is found in a stack that has such a launch template or group, in addition to a cluster's. */
function findingsWith(add: (stack: AwsTestStack) => void): string[] {
  const stack = stackWith();
  add(stack);
  return findingsOf(() => AwsJson.of(stack));
}

const sound = {
  metadataOptions: { httpTokens: "required" },
  blockDeviceMappings: [{ deviceName: "/dev/sda1", ebs: { encrypted: "true" } }],
};

test("a sound launch template has no findings", () => {
  expect(findingsWith((stack) => new LaunchTemplate(stack, "own", sound))).toEqual([]);
});

describe("metadata-service", () => {
  test("finds machines that answer IMDSv1", () => {
    expect(findingsWith((stack) => new LaunchTemplate(stack, "own", { ...sound, metadataOptions: undefined }))).toEqual(
      ['stack/own: Its machines accept IMDSv1. Set metadata_options to http_tokens = "required". (metadata-service)'],
    );
  });

  test("finds those whose containers reach it", () => {
    const metadataOptions = { httpTokens: "required", httpPutResponseHopLimit: 2 };
    expect(findingsWith((stack) => new LaunchTemplate(stack, "own", { ...sound, metadataOptions }))).toEqual([
      "stack/own: Its metadata service has a hop limit of 2, so containers can reach it. Set http_put_response_hop_limit to 1. (metadata-service)",
    ]);
  });

  test("lets one pass that is off", () => {
    const metadataOptions = { httpEndpoint: "disabled" };
    expect(findingsWith((stack) => new LaunchTemplate(stack, "own", { ...sound, metadataOptions }))).toEqual([]);
  });
});

describe("unencrypted-disk", () => {
  test("finds a disk that says so, and disks of which nothing is said", () => {
    const blockDeviceMappings = [{ deviceName: "/dev/sdf", ebs: { volumeSize: 10 } }];
    expect(
      findingsWith((stack) => {
        new LaunchTemplate(stack, "own", { ...sound, blockDeviceMappings });
        new LaunchTemplate(stack, "other", { ...sound, blockDeviceMappings: undefined });
      }),
    ).toEqual([
      "stack/own: Its disk /dev/sdf is not encrypted. Set encrypted to true. (unencrypted-disk)",
      "stack/other: It does not configure its disks, so they are as the image defines them. Set block_device_mappings with encrypted = true for the root device. (unencrypted-disk)",
    ]);
  });
});

test("reachable-machine finds a key pair and a public address", () => {
  const networkInterfaces = [{ associatePublicIpAddress: "true" }];
  expect(
    findingsWith((stack) => new LaunchTemplate(stack, "own", { ...sound, keyName: "ops", networkInterfaces })),
  ).toEqual([
    "stack/own: Its machines have a key pair for SSH. Omit key_name. (reachable-machine)",
    "stack/own: Its machines have public addresses. Omit associate_public_ip_address, and use a load balancer. (reachable-machine)",
  ]);
});

test("template-version finds a version that Terraform sees no change of", () => {
  const launchTemplateSpecification = { launchTemplateId: "lt-1", version: "$Default" };
  expect(
    findingsWith((stack) => {
      new AutoscalingGroup(stack, "own", {
        minSize: 1,
        maxSize: 1,
        launchTemplate: { id: "lt-1", version: "$Latest" },
      });
      new AutoscalingGroup(stack, "mixed", {
        ...{ minSize: 1, maxSize: 1 },
        mixedInstancesPolicy: { launchTemplate: { launchTemplateSpecification } },
      });
      new AutoscalingGroup(stack, "pinned", { minSize: 1, maxSize: 1, launchTemplate: { id: "lt-1", version: "3" } });
    }),
  ).toEqual([
    "stack/own: Its version of the launch template is $Latest. Set the version to the template's latest_version. (template-version)",
    "stack/mixed: Its version of the launch template is $Default. Set the version to the template's latest_version. (template-version)",
  ]);
});

/** What is found of a cluster in such a network. */
function findingsOfCluster(network: NetworkProps, props: Partial<AwsClusterProps> = {}, pool?: ClientPoolProps) {
  const stack = new AwsTestStack();
  const cluster = new AwsCluster(stack, "prod", {
    network: new Network(stack, "net", { flowLogs: false, ...network }),
    ...props,
  });
  if (pool) cluster.addClientPool("general", pool);
  return findingsOf(() => AwsJson.of(stack));
}

describe("no-internet-access", () => {
  test("names what machines could not fetch", () => {
    expect(findingsOfCluster({ nat: Nat.none() }, {}, {})).toEqual([
      "stack/prod/server-machines: Its machines have no IPv4 internet access, but must download consul, nomad and packages of the distribution. Add NAT gateways to the network, or use an image that contains the packages (MachineImage.id with prepared). (no-internet-access)",
      "stack/prod/general-machines: Its machines have no IPv4 internet access, but must download consul, nomad, cni-plugins and packages of the distribution. Add NAT gateways to the network, or use an image that contains the packages (MachineImage.id with prepared). (no-internet-access)",
    ]);
  });

  test("lets a prepared image pass", () => {
    const image = MachineImage.id("ami-1", { distribution: "ubuntu-24.04", prepared: true });
    expect(findingsOfCluster({ nat: Nat.none() }, { image }, {})).toEqual([]);
  });
});

test("server-zones finds a zone that would take the quorum with it", () => {
  expect(findingsOfCluster({ zones: 2 })).toEqual([
    "stack/prod/server-machines: Its 3 servers are in 2 zones. Use a network with three zones. (server-zones)",
  ]);
  expect(findingsOfCluster({ zones: 1 }, { serverCount: 5 })).toEqual([
    "stack/prod/server-machines: Its 5 servers are in 1 zone. Use a network with three zones. (server-zones)",
  ]);
});

test("subnet-size finds groups that together may have more machines than there are addresses", () => {
  const cidr = "10.0.0.0/23";
  expect(findingsOfCluster({ cidr }, {}, { scaling: Scaling.byNomad({ min: 0, max: 174 }) })).toEqual([]);
  expect(findingsOfCluster({ cidr }, {}, { scaling: Scaling.byNomad({ min: 0, max: 175 }) })).toEqual([
    "stack/prod/server-machines: Its network has 177 addresses for machines, but its groups can have up to 178 machines. Use a larger cidr, or smaller groups. (subnet-size)",
  ]);
});

test("subnet-size counts what internal load balancers need", () => {
  const stack = new AwsTestStack();
  const network = new Network(stack, "net", { flowLogs: false, cidr: "10.0.0.0/23" });
  const cluster = new AwsCluster(stack, "prod", { network, uis: true });
  cluster.addClientPool("general", { scaling: Scaling.byNomad({ min: 0, max: 174 }) });
  cluster.publishUis({ allowFrom: ["10.8.0.0/16"], certificateArn: "arn:aws:acm:x" });
  expect(findingsOf(() => AwsJson.of(stack))).toEqual([
    "stack/prod/server-machines: Its network has 153 addresses for machines, without those of 1 internal load balancers, but its groups can have up to 177 machines. Use a larger cidr, or smaller groups. (subnet-size)",
  ]);
});

function importedNetwork(stack: AwsTestStack) {
  return Network.fromIds(stack, "net", { vpcId: "vpc-1", privateSubnetIds: ["subnet-1", "subnet-2", "subnet-3"] });
}

/** A cluster with a pool, of which Terraform's JSON is changed before it is checked. */
function findingsOfGroups(
  change: (groups: { servers: AutoscalingGroup; pool: AutoscalingGroup }) => void,
  props: Partial<AwsClusterProps> = {},
) {
  const stack = new AwsTestStack();
  const cluster = new AwsCluster(stack, "prod", { network: importedNetwork(stack), ...props });
  cluster.addClientPool("general");
  const groupOf = (machines: string) => {
    const found: IConstruct = cluster.node.findChild(machines).node.findChild("group");
    if (!(found instanceof AutoscalingGroup)) throw new Error(`${found.node.path} is no group.`);
    return found;
  };
  change({ servers: groupOf("server-machines"), pool: groupOf("general-machines") });
  return findingsOf(() => AwsJson.of(stack));
}

const SERVERS = "stack/prod/server-machines/group";

test("server-health-checks finds a group that a load balancer can have terminated", () => {
  expect(
    findingsOfGroups(({ servers, pool }) => {
      for (const group of [servers, pool]) group.addOverride("health_check_type", "ELB");
    }),
  ).toEqual([
    `${SERVERS}: The health checks of these servers are ELB. Set health_check_type to "EC2". (server-health-checks)`,
  ]);
});

describe("server-refresh", () => {
  const percent = (which: string) => `instance_refresh.preferences.${which}_healthy_percentage`;

  test("finds a refresh that removes servers first", () => {
    expect(findingsOfGroups(({ servers }) => servers.addOverride(percent("min"), 66))).toEqual([
      `${SERVERS}: A refresh removes servers before there are new ones: min_healthy_percentage is 66. Set it to 100, and max_healthy_percentage to 110. (server-refresh)`,
    ]);
  });

  test("finds a refresh that replaces more than one at a time, as many as there are", () => {
    const half = ({ servers }: { servers: AutoscalingGroup }) => servers.addOverride(percent("max"), 150);
    expect(findingsOfGroups(half)).toEqual([
      `${SERVERS}: A refresh replaces 2 of 3 servers at a time: max_healthy_percentage is 150. Set it to 110. (server-refresh)`,
    ]);
    expect(findingsOfGroups(half, { serverCount: 1 })).toEqual([]);
  });
});

describe("server-replacement", () => {
  test("finds what lets a change replace the group", () => {
    expect(
      findingsOfGroups(({ servers }) => {
        servers.addOverride("lifecycle.prevent_destroy", false);
        servers.addOverride("lifecycle.replace_triggered_by", ["terraform_data.version"]);
        servers.addOverride("name_prefix", "prod-");
        servers.addOverride("initial_lifecycle_hook.0.heartbeat_timeout", 600);
      }),
    ).toEqual([
      `${SERVERS}: Deletion protection is on, and prevent_destroy is not. Omit the override of lifecycle, or set deletionProtection to false. (server-replacement)`,
      `${SERVERS}: A change of terraform_data.version replaces the group. Omit replace_triggered_by: a changed launch template replaces the servers one at a time. (server-replacement)`,
      `${SERVERS}: The name of the group is not known at synth, and a change of the name replaces the group. Use a literal name. (server-replacement)`,
      `${SERVERS}: Its hooks are not those of LIFECYCLE_HOOKS, and a change of one replaces the group. Omit the override of initial_lifecycle_hook, or add a hook as an aws_autoscaling_lifecycle_hook. (server-replacement)`,
    ]);
  });

  test("lets a cluster pass that is not protected", () => {
    expect(findingsOfGroups(() => undefined, { deletionProtection: false })).toEqual([]);
  });
});

test("spot-servers finds servers that AWS may take back", () => {
  const onDemand = "instances_distribution.on_demand_percentage_above_base_capacity";
  expect(
    findingsOfGroups(({ servers }) => {
      servers.addOverride("mixed_instances_policy", {
        ...{ launch_template: { launch_template_specification: { launch_template_id: "lt-1", version: "1" } } },
      });
      servers.addOverride(`mixed_instances_policy.${onDemand}`, 40);
    }),
  ).toEqual([
    `${SERVERS}: 60 % of these servers are spot machines. Set on_demand_percentage_above_base_capacity to 100. (spot-servers)`,
  ]);
});

test("drain-hook finds machines that are terminated at once", () => {
  expect(
    findingsOfGroups(({ pool }) => {
      pool.addOverride("initial_lifecycle_hook.1", undefined);
      pool.addOverride("initial_lifecycle_hook.1.lifecycle_transition", "autoscaling:EC2_INSTANCE_LAUNCHING");
    }),
  ).toEqual([
    "stack/prod/general-machines/group: Machines of stack/prod/general-machines are terminated without a lifecycle hook that waits until they have left. Omit the override of initial_lifecycle_hook. (drain-hook)",
  ]);
});

describe("drain-time", () => {
  function findingsOfJob(killTimeout: string, pool: ClientPoolProps = {}) {
    const stack = new AwsTestStack();
    new ConsulProvider(stack, "consul");
    new NomadProvider(stack, "nomad", { address: "http://127.0.0.1:4646" });
    new AwsCluster(stack, "prod", { network: importedNetwork(stack) }).addClientPool("general", pool);
    new ServiceMesh(stack, "mesh").addService("slow", {
      port: 80,
      workload: Workload.docker({ image: "slow:1", killTimeout }),
    });
    return findingsOf(() => AwsJson.of(stack)).filter((it) => it.endsWith("(drain-time)"));
  }

  test("finds a task that is not stopped before its machine is terminated", () => {
    expect(findingsOfJob("30s")).toEqual([]);
    expect(findingsOfJob("10m")).toEqual([
      "stack/mesh/slow: The task slow needs up to 603 s to stop. After a drain of 300 s that is too long: a machine of stack/prod/general-machines is terminated after 900 s. Set killTimeout and shutdownDelay to 580 s together at most, or lower drainSeconds of the pool. (drain-time)",
    ]);
  });

  test("counts with what the pool leaves for it", () => {
    expect(findingsOfJob("10m", { drainSeconds: 120 })).toEqual([]);
  });
});

describe("image-architecture", () => {
  function warningsOfImage(constraints: readonly Constraint[] | undefined, pool: ClientPoolProps = {}) {
    const stack = new AwsTestStack();
    new ConsulProvider(stack, "consul");
    new NomadProvider(stack, "nomad", { address: "http://127.0.0.1:4646" });
    const cluster = new AwsCluster(stack, "prod", { network: importedNetwork(stack) });
    cluster.addClientPool("general", pool);
    const mesh = new ServiceMesh(stack, "mesh");
    const workload = Workload.docker({ image: "example/web:1" });
    const web = mesh.addService("web", { port: 80, protocol: Protocol.HTTP, workload, constraints });
    mesh.addApiGateway("gateway", { listeners: [ApiGatewayListener.http({ port: 8080 })] }).connectTo(web);
    AwsJson.of(stack);
    return stack.node
      .findAll()
      .flatMap(({ node }) => node.metadata.map(({ data }) => `${node.path}: ${String(data)}`))
      .filter((line) => line.endsWith("(image-architecture)"));
  }
  const arch = "${attr.cpu.arch}";
  const intel = { instanceTypes: ["m7i.large"], image: MachineImage.ubuntu("amd64") };

  test("warns of an image of which nothing says that it exists for the machines of its pool; Envoy's does", () => {
    const fix = `If it does, set constraints to [Constraint.matches("${arch}", "amd64|arm64")]. Otherwise, use an image and instance types for another architecture. (image-architecture)`;
    const of = (what: string) =>
      `stack/mesh/web: The task web may be placed on machines for ${what}, but nothing says that its image example/web:1 exists for ${what}. ${fix}`;
    expect(warningsOfImage(undefined)).toEqual([of("arm64")]);
    expect(warningsOfImage([Constraint.isSet("${attr.kernel.name}")], intel)).toEqual([of("amd64")]);
  });

  test("warns of constraints that no machine meets", () => {
    expect(warningsOfImage([Constraint.equals(arch, "amd64")])).toEqual([
      'stack/mesh/web: The task web cannot be placed: all machines of its node pool "default" are for arm64, which its constraints exclude. Change the constraints, or use an image and instance types for another architecture. (image-architecture)',
    ]);
  });

  test.each([
    [Constraint.equals(arch, "arm64")],
    [Constraint.notEquals(arch, "amd64")],
    [Constraint.matches(arch, "amd64|arm64")],
    [Constraint.of(arch, "set_contains_any", "amd64,arm64")],
  ])("is content with a constraint that allows them", (constraint) => {
    expect(warningsOfImage([constraint])).toEqual([]);
  });
});

test("no-client-pool finds services and gateways in a node pool that no pool of the cluster has", () => {
  const findings = (nodePool: string, ofGateway = "batch") => {
    const stack = new AwsTestStack();
    new ConsulProvider(stack, "consul");
    new NomadProvider(stack, "nomad", { address: "http://127.0.0.1:4646" });
    new AwsCluster(stack, "prod", { network: importedNetwork(stack) }).addClientPool("batch", { nodePool: "batch" });
    const workload = Workload.docker({ image: "example/web:1" });
    const mesh = new ServiceMesh(stack, "mesh");
    mesh.addService("web", { port: 80, nodePool, workload });
    mesh.addMeshGateway("mesh-gateway", { nodePool: ofGateway });
    return findingsOf(() => AwsJson.of(stack)).filter((it) => it.endsWith("(no-client-pool)"));
  };
  expect(findings("batch")).toEqual([]);
  const finding = (at: string, pool: string) =>
    `stack/mesh/${at}: Its node pool is "${pool}", but no NomadClients of this app are in it. Known pools: batch. Set nodePool of the mesh, the service or the gateway, or add clients to the pool. (no-client-pool)`;
  expect(findings("gpu")).toEqual([finding("web", "gpu")]);
  expect(findings("batch", "gateways")).toEqual([finding("mesh-gateway", "gateways")]);
});

test("prometheus-access warns of a Prometheus that no security group lets reach the servers", () => {
  const warnings = (change: (cluster: AwsCluster, mesh: ServiceMesh) => void) => {
    const stack = new AwsTestStack();
    new ConsulProvider(stack, "consul");
    new NomadProvider(stack, "nomad", { address: "http://127.0.0.1:4646" });
    const cluster = new AwsCluster(stack, "prod", { network: importedNetwork(stack) });
    cluster.addClientPool("general");
    change(cluster, new ServiceMesh(stack, "mesh", { metrics: Metrics.prometheus() }));
    AwsJson.of(stack);
    return stack.node
      .findAll()
      .flatMap(({ node }) => node.metadata.map(({ data }) => `${node.path}: ${String(data)}`))
      .filter((line) => line.endsWith("(prometheus-access)"));
  };
  expect(warnings((_, mesh) => mesh.addPrometheus("prometheus"))).toEqual([
    "stack/mesh/prometheus: It scrapes the agents of servers, but no security group lets it reach their ports 8501 and 4646. Call allowPrometheus() of the AwsCluster, or set consul and nomad of addPrometheus to false. (prometheus-access)",
  ]);
  expect(
    warnings((cluster, mesh) => {
      mesh.addPrometheus("prometheus");
      cluster.allowPrometheus();
    }),
  ).toEqual([]);
  expect(warnings((_, mesh) => mesh.addPrometheus("prometheus", { consul: false, nomad: false }))).toEqual([]);
});

test("mesh-gateway-access finds mesh gateways where other clusters do not reach them", () => {
  const findings = (options: MeshGatewayBaseProps) => {
    const stack = new AwsTestStack();
    new ConsulProvider(stack, "consul");
    new NomadProvider(stack, "nomad", { address: "http://127.0.0.1:4646" });
    const network = new Network(stack, "net", { flowLogs: false, gateways: true });
    const cluster = new AwsCluster(stack, "prod", { network });
    cluster.addClientPool("general");
    cluster.addClientPool("gateways", { subnets: "gateway", nodePool: "gateways" });
    new ServiceMesh(stack, "mesh").addMeshGateway("mesh-gateway", options);
    return findingsOf(() => AwsJson.of(stack));
  };
  expect(findings({ nodePool: "gateways" })).toEqual([]);
  expect(findings({ port: 9443 })).toEqual([
    'stack/mesh/mesh-gateway: The mesh gateway runs in the node pool "default", whose machines are not in subnets for gateways. Set nodePool to "gateways". (mesh-gateway-access)',
    "stack/mesh/mesh-gateway: The mesh gateway listens on port 9443, but security groups open port 8443 to other clusters. Omit port of the gateway. (mesh-gateway-access)",
  ]);
});

test("subnet-size looks at the subnets of gateways, too", () => {
  const stack = new AwsTestStack();
  const network = new Network(stack, "net", { flowLogs: false, cidr: "10.0.0.0/23", gateways: true });
  const cluster = new AwsCluster(stack, "prod", { network });
  cluster.addClientPool("gateways", { subnets: "gateway", scaling: Scaling.fixed(34) });
  expect(findingsOf(() => AwsJson.of(stack))).toEqual([
    "stack/prod/gateways-machines: Its network has 33 addresses for machines with gateways, but its groups can have up to 34 machines. Use a larger cidr, or smaller groups. (subnet-size)",
  ]);
});

describe("single-nat, moving-image, no-snapshots", () => {
  function warningsOfCluster(props: Partial<AwsClusterProps>, network: NetworkProps = {}) {
    const stack = new AwsTestStack();
    new AwsCluster(stack, "prod", { network: new Network(stack, "net", { flowLogs: false, ...network }), ...props });
    AwsJson.of(stack);
    return stack.node
      .findAll()
      .flatMap(({ node }) => node.metadata.map(({ data }) => `${node.path}: ${String(data)}`))
      .filter((line) => /\((single-nat|moving-image|no-snapshots)\)$/.test(line));
  }

  test("warn of what a cluster that is to last lacks", () => {
    expect(warningsOfCluster({ snapshots: false })).toEqual([
      "stack/net: It has one NAT gateway for 3 zones. Set nat to Nat.perZone(). (single-nat)",
      "stack/prod/server-machines: It boots from whichever image is the newest when Terraform plans. Name one with MachineImage.id. (moving-image)",
      "stack/prod/server-machines: Snapshots are off. Save them in a bucket, as AwsCluster does by default. (no-snapshots)",
    ]);
  });

  test("say nothing of one that has it, or that is for trying things out", () => {
    const image = MachineImage.id("ami-1", { distribution: "ubuntu-24.04" });
    expect(warningsOfCluster({ image }, { nat: Nat.perZone() })).toEqual([]);
    expect(warningsOfCluster({ deletionProtection: false, snapshots: false })).toEqual([]);
  });
});
