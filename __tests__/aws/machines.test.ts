import {
  awsPlatform,
  ConsulServers,
  LIFECYCLE_HOOKS,
  NomadClients,
  NomadServers,
  secretStorePolicy,
  type ConsulServersProps,
} from "../../constructs";
import {
  AssetsBucket,
  AwsCluster,
  Capacity,
  MachineGroup,
  Network,
  Scaling,
  ServerGroup,
  type ClientPoolProps,
} from "../../constructs/aws";
import { AwsJson, AwsTestStack, type Block } from "../support/aws";

function group(json: AwsJson, name: string): Block {
  return json.one("aws_autoscaling_group", { name });
}

function imported(stack: AwsTestStack) {
  return Network.fromIds(stack, "net", { vpcId: "vpc-1", privateSubnetIds: ["subnet-1", "subnet-2", "subnet-3"] });
}

/** A cluster in a network that is there already, with pools. */
function clusterWith(pools: Readonly<Record<string, ClientPoolProps>>, serverCount: 1 | 3 | 5 = 3): AwsJson {
  const stack = new AwsTestStack();
  const cluster = new AwsCluster(stack, "prod", { network: imported(stack), serverCount });
  for (const [id, pool] of Object.entries(pools)) {
    cluster.addClientPool(id, pool);
  }
  return AwsJson.of(stack);
}

describe("machines of a cluster", () => {
  const json = clusterWith({
    general: {},
    web: { scaling: Scaling.cpu({ min: 2, max: 8, percent: 50 }) },
    batch: { scaling: Scaling.byNomad({ min: 0, max: 20 }), capacity: Capacity.spot() },
    data: {
      volumes: [
        { name: "nomad", mountPoint: "/opt/nomad", sizeGib: 50 },
        { name: "docker", mountPoint: "/var/lib/docker", sizeGib: 80 },
      ],
    },
  });
  const names = ["prod-servers", "prod-general", "prod-web", "prod-batch", "prod-data"];

  test.each(names)("%s have hooks from the first machine on, which their hosts complete", (name) => {
    const { launch, terminate } = LIFECYCLE_HOOKS;
    expect(group(json, name).initial_lifecycle_hook).toEqual([
      {
        name: launch.name,
        lifecycle_transition: "autoscaling:EC2_INSTANCE_LAUNCHING",
        // What does not become ready is given up.
        default_result: "ABANDON",
        heartbeat_timeout: 900,
      },
      {
        name: terminate.name,
        lifecycle_transition: "autoscaling:EC2_INSTANCE_TERMINATING",
        default_result: "CONTINUE",
        heartbeat_timeout: 900,
      },
    ]);
    // Terraform waits for longer than either, when it makes machines and when it destroys them.
    expect(group(json, name)).toMatchObject({ wait_for_capacity_timeout: "25m", timeouts: { delete: "30m" } });
  });

  test.each(names)("%s are replaced by adding first, and return to the version before where that fails", (name) => {
    expect(group(json, name).instance_refresh).toMatchObject({
      strategy: "Rolling",
      preferences: {
        min_healthy_percentage: 100,
        max_healthy_percentage: 110,
        auto_rollback: true,
        skip_matching: true,
      },
    });
  });

  test("servers are watched by EC2 alone, and zones are not evened out at their cost", () => {
    expect(group(json, "prod-servers")).toMatchObject({
      health_check_type: "EC2",
      suspended_processes: ["AZRebalance"],
      instance_refresh: { preferences: { instance_warmup: "60" } },
    });
    expect(group(json, "prod-general")).not.toHaveProperty("suspended_processes");
  });

  test("pools have as many machines as they are told, as their load asks for, or as Nomad decides", () => {
    expect(group(json, "prod-general")).toMatchObject({ min_size: 2, max_size: 2, desired_capacity: 2 });
    for (const name of ["prod-web", "prod-batch"]) {
      expect(group(json, name)).not.toHaveProperty("desired_capacity");
    }
    expect(group(json, "prod-web")).toMatchObject({ min_size: 2, max_size: 8 });
    expect(group(json, "prod-batch")).toMatchObject({ min_size: 0, max_size: 20, capacity_rebalance: true });
    expect(json.one("aws_autoscaling_policy")).toMatchObject({
      autoscaling_group_name: json.ref(group(json, "prod-web"), "name"),
      policy_type: "TargetTrackingScaling",
      target_tracking_configuration: {
        predefined_metric_specification: { predefined_metric_type: "ASGAverageCPUUtilization" },
        target_value: 50,
      },
    });
  });

  test("each volume of a host is an encrypted disk of its own", () => {
    const disks = json.named("aws_launch_template", "prod-data").block_device_mappings as Block[];
    expect(disks).toMatchObject([
      { device_name: "/dev/sda1", ebs: { volume_size: 40, encrypted: "true" } },
      { device_name: "/dev/sdf", ebs: { volume_size: 50, encrypted: "true", volume_type: "gp3" } },
      { device_name: "/dev/sdg", ebs: { volume_size: 80, encrypted: "true", volume_type: "gp3" } },
    ]);
    expect(new Set(disks.map(({ ebs }) => (ebs as Block).kms_key_id))).toEqual(
      new Set([json.ref(json.one("aws_kms_key"), "arn")]),
    );
  });
});

/** Hosts of one's own. */
function ownHosts(stack: AwsTestStack, props: Partial<ConsulServersProps> = {}) {
  const consul = new ConsulServers(stack, "consul", {
    platform: awsPlatform,
    lifecycleNotices: true,
    join: ["provider=aws tag_key=consul tag_value=own"],
    secretStore: { type: "aws-secrets-manager", prefix: "meshform/own/", region: "eu-central-1" },
    ...props,
  });
  return { consul, nomad: new NomadServers(stack, "nomad", { consul }) };
}

describe("groups of one's own", () => {
  const elsewhere = { ...awsPlatform, name: "Elsewhere" };
  const keyArn = "arn:aws:kms:eu-central-1:123456789012:key/1";

  test("have hosts of any kind, in a network and with security groups and keys that are there already", () => {
    const stack = new AwsTestStack();
    const { consul, nomad } = ownHosts(stack);
    const assets = new AssetsBucket(stack, "own");
    const common = { network: imported(stack), assets, keyArn };
    const arn = (name: string) => `arn:aws:secretsmanager:eu-central-1:123456789012:secret:${name}`;
    const arns = {
      cluster: arn("cluster"),
      client: arn("client"),
      operator: arn("operator"),
      management: arn("management"),
      prometheus: arn("prometheus"),
    };
    new ServerGroup(stack, "servers", {
      ...common,
      hosts: consul,
      securityGroupIds: ["sg-1"],
      statements: secretStorePolicy(arns, "server"),
      machineTags: { consul: "own" },
    });
    new MachineGroup(stack, "clients", {
      ...common,
      hosts: new NomadClients(stack, "general", { nomad, lifecycleNotices: true }),
      securityGroupIds: ["sg-2", "sg-3"],
      statements: secretStorePolicy(arns, "client"),
    });
    const json = AwsJson.of(stack);
    expect(group(json, "servers")).toMatchObject({
      min_size: 3,
      max_size: 3,
      vpc_zone_identifier: ["subnet-1", "subnet-2", "subnet-3"],
      lifecycle: { prevent_destroy: true },
    });
    expect(group(json, "clients")).toMatchObject({ min_size: 2, max_size: 2 });
    const template = json.named("aws_launch_template", "clients");
    expect(template.network_interfaces).toMatchObject([{ security_groups: ["sg-2", "sg-3"] }]);
    expect(template.block_device_mappings).toMatchObject([{ ebs: { kms_key_id: keyArn } }]);
    // Without a key of its own the bucket has S3's.
    expect(json.one("aws_s3_bucket_server_side_encryption_configuration").rule).toMatchObject([
      { apply_server_side_encryption_by_default: { sse_algorithm: "AES256" } },
    ]);
    const policies = json.all("aws_iam_role_policy").map(({ policy }) => policy as string);
    expect(policies.filter((policy) => policy.includes(arns.client))).toHaveLength(2);
    expect(policies.filter((policy) => policy.includes(arns.cluster))).toHaveLength(1);
  });

  test.each([
    [
      { lifecycleNotices: false },
      "stack/servers: The hosts stack/consul do not complete the hooks of their group. Set lifecycleNotices to true at them.",
    ],
    [
      {
        ...{ platform: undefined, lifecycleNotices: false, join: ["10.0.0.1"] },
        secretStore: { type: "directory", path: "/srv/secrets" },
      },
      "stack/servers: The hosts stack/consul do not complete the hooks of their group. Set lifecycleNotices to true at them.",
    ],
    [
      { platform: elsewhere },
      "stack/servers: The hosts stack/consul are those of Elsewhere. Set platform of their Consul servers to awsPlatform.",
    ],
  ] satisfies [Partial<ConsulServersProps>, string][])(
    "are refused hosts that do not belong there: %#",
    (props, message) => {
      const stack = new AwsTestStack();
      const { consul } = ownHosts(stack, props);
      const options = { hosts: consul, network: imported(stack), assets: new AssetsBucket(stack, "own") };
      expect(() => new ServerGroup(stack, "servers", { ...options, securityGroupIds: ["sg-1"] })).toThrow(message);
    },
  );

  test("of servers are refused hosts that are none", () => {
    const stack = new AwsTestStack();
    const hosts = new NomadClients(stack, "general", { nomad: ownHosts(stack).nomad, lifecycleNotices: true });
    const options = { hosts, network: imported(stack), assets: new AssetsBucket(stack, "own") };
    expect(() => new ServerGroup(stack, "servers", { ...options, securityGroupIds: ["sg-1"] })).toThrow(
      "stack: The server group servers is given the hosts stack/general, which are no servers. Give ConsulServers, or use a MachineGroup.",
    );
  });
});
