import { IamRolePolicy } from "@cdktf/provider-aws/lib/iam-role-policy";
import { gunzipSync } from "node:zlib";
import {
  AwsCluster,
  Capacity,
  InstanceRequirements,
  MachineImage,
  Network,
  Scaling,
  type AwsClusterProps,
  type ClientPoolProps,
  type InstanceRequirementsOptions,
} from "../../constructs/aws";
import { AwsJson, AwsTestStack, type Block } from "../support/aws";
import { findingsOf } from "../support/synth";

type Props = Partial<AwsClusterProps>;

function clusterIn(stack: AwsTestStack, props: Props = {}): AwsCluster {
  const network = new Network(stack, "net", { flowLogs: false });
  return new AwsCluster(stack, "prod", { network, ...props });
}

function synth(props: Props = {}, pool: ClientPoolProps = {}): AwsJson {
  const stack = new AwsTestStack();
  clusterIn(stack, props).addClientPool("general", pool);
  return AwsJson.of(stack);
}

/** What a role may do, as `<action> on <resource>`. */
function rights(json: AwsJson, role: string): string[] {
  const reference = json.ref(json.named("aws_iam_role", role), "name");
  const { policy } = json.one("aws_iam_role_policy", { role: reference });
  const { Statement } = JSON.parse(policy as string) as { Statement: { Action: string[]; Resource: string[] }[] };
  return Statement.flatMap(({ Action, Resource }) =>
    // What only AWS knows of an account is left out.
    Action.flatMap((action) => Resource.map((arn) => `${action} on ${arn.replaceAll(/\$\{data\.[^}]*\}/g, "…")}`)),
  ).sort();
}

function template(json: AwsJson, name: string): Block {
  return json.named("aws_launch_template", name);
}

function group(json: AwsJson, name: string): Block {
  return json.one("aws_autoscaling_group", { name });
}

function block(of: Block, name: string): Block {
  return [of[name]].flat()[0] as Block;
}

function userData(json: AwsJson, name: string): string {
  return gunzipSync(Buffer.from(template(json, name).user_data as string, "base64")).toString();
}

const everywhere = ["prod-servers", "prod-general"];

describe("servers of a cluster with alarms", () => {
  const alarmTopicArn = "arn:aws:sns:eu-central-1:123456789012:alarms";

  test("may put metrics into the namespace of this cluster, and do; clients may not", () => {
    const json = synth({ alarmTopicArn });
    const statements = (role: string) => {
      const reference = json.ref(json.named("aws_iam_role", role), "name");
      const { policy } = json.one("aws_iam_role_policy", { role: reference });
      return (JSON.parse(policy as string) as { Statement: Block[] }).Statement.filter(
        ({ Sid }) => Sid === "PutHealthMetrics",
      );
    };
    expect(statements("prod-servers")).toEqual([
      {
        ...{ Sid: "PutHealthMetrics", Effect: "Allow", Action: ["cloudwatch:PutMetricData"], Resource: ["*"] },
        Condition: { StringEquals: { "cloudwatch:namespace": "Meshform/prod" } },
      },
    ]);
    expect(statements("prod-general")).toEqual([]);
    const [withAlarms, without] = [{ alarmTopicArn }, {}].map(
      (props) => clusterIn(new AwsTestStack(), props).consul.host,
    );
    expect(withAlarms.units.map(({ name }) => name)).toContain("meshform-metrics");
    expect(without.units.map(({ name }) => name)).not.toContain("meshform-metrics");
    const config = withAlarms.files.find(({ path }) => path === "/etc/meshform/host.json");
    expect(JSON.parse(String(config?.content))).toMatchObject({
      healthMetrics: { type: "cloudwatch", namespace: "Meshform/prod" },
    });
  });
});

describe("machines that send their logs", () => {
  const json = synth({ hostLogs: { retentionDays: 30 } });
  const logs = json.one("aws_cloudwatch_log_group");

  test("have a log group, which the key of the cluster encrypts and they cannot create", () => {
    expect(logs).toMatchObject({
      ...{ name: "/meshform/prod/hosts", retention_in_days: 30 },
      kms_key_id: json.ref(json.one("aws_kms_key"), "arn"),
    });
    for (const role of everywhere) {
      expect(rights(json, role).filter((right) => right.startsWith("logs:"))).toEqual([
        `logs:CreateLogStream on ${json.ref(logs, "arn")}:*`,
        `logs:PutLogEvents on ${json.ref(logs, "arn")}:*`,
      ]);
    }
    const { Statement } = JSON.parse(json.one("aws_kms_key").policy as string) as { Statement: Block[] };
    const [{ Principal, Condition }] = Statement.filter(({ Sid }) => Sid === "LetCloudWatchEncryptLogs");
    expect(Principal).toEqual({ Service: expect.stringMatching(/^logs\.\$\{data\.aws_region/) as string });
    expect(Condition).toEqual({
      ArnEquals: {
        "kms:EncryptionContext:aws:logs:arn": expect.stringMatching(/:log-group:\/meshform\/prod\/hosts$/) as string,
      },
    });
  });

  test.each(everywhere)(
    "%s have a unit for it that stops after all others, and user data within EC2's limit",
    (name) => {
      expect(Buffer.from(template(json, name).user_data as string, "base64").length).toBeLessThan(6500);
      const unit = /meshform-logs\.service/;
      expect(userData(json, name)).toMatch(unit);
      const agent = new RegExp(`/consul\\.service[\\s\\S]*?After=[^\\n]*${unit.source}`);
      expect(userData(json, name)).toMatch(agent);
      expect(userData(json, name)).toContain('"group": "/meshform/prod/hosts"');
    },
  );

  test("are those of no cluster that was not asked to", () => {
    const without = synth();
    expect(without.types).not.toContain("aws_cloudwatch_log_group");
    expect(without.text).not.toContain("logs:PutLogEvents");
    for (const name of everywhere) expect(userData(without, name)).not.toContain("meshform-logs");
  });
});

describe("machines", () => {
  const json = synth();

  test("are three servers and two clients over the private subnets of all zones", () => {
    const subnets = [1, 2, 3].map((zone) => json.ref(json.named("aws_subnet", `net-private-${zone}`)));
    expect(group(json, "prod-servers")).toMatchObject({ min_size: 3, max_size: 3, desired_capacity: 3 });
    expect(group(json, "prod-general")).toMatchObject({ min_size: 2, max_size: 2, desired_capacity: 2 });
    for (const name of everywhere) {
      expect(group(json, name)).toMatchObject({ vpc_zone_identifier: subnets, health_check_type: "EC2" });
    }
  });

  test.each(everywhere)("%s boot from a version that Terraform sees, of user data within EC2's limit", (name) => {
    const reference = json.ref(template(json, name));
    expect(block(group(json, name), "launch_template")).toEqual({
      id: reference,
      version: reference.replace(".id}", ".latest_version}"),
    });
    const compressed = Buffer.from(template(json, name).user_data as string, "base64").length;
    expect(compressed).toBeLessThan(6 * 1024);
    expect(userData(json, name)).toMatch(/^#cloud-config\n/);
    // Nothing in it waits for Terraform.
    expect(userData(json, name)).not.toMatch(/TfToken|\$\{(aws|data)/);
  });

  test.each(everywhere)("%s answer IMDSv2 only, one hop far, and show their tags there", (name) => {
    expect(block(template(json, name), "metadata_options")).toEqual({
      http_endpoint: "enabled",
      http_tokens: "required",
      http_put_response_hop_limit: 1,
      instance_metadata_tags: "enabled",
    });
  });

  test.each(everywhere)("%s have no public address and no key pair, and names that never come back", (name) => {
    expect(block(template(json, name), "network_interfaces")).toMatchObject({ associate_public_ip_address: "false" });
    expect(template(json, name)).not.toHaveProperty("key_name");
    expect(template(json, name)).not.toHaveProperty("vpc_security_group_ids");
    expect(block(template(json, name), "private_dns_name_options")).toEqual({ hostname_type: "resource-name" });
  });

  test("are in the security group of their kind", () => {
    for (const kind of ["servers", "clients"]) {
      const name = kind === "servers" ? "prod-servers" : "prod-general";
      expect(block(template(json, name), "network_interfaces").security_groups).toEqual([
        json.ref(json.named("aws_security_group", `prod-${kind}`)),
      ]);
    }
  });

  test.each(everywhere)("%s have disks that the cluster's key encrypts, at the root device of Ubuntu", (name) => {
    expect(block(template(json, name), "block_device_mappings")).toMatchObject({
      device_name: "/dev/sda1",
      ebs: { encrypted: "true", volume_type: "gp3", kms_key_id: json.ref(json.one("aws_kms_key"), "arn") },
    });
  });

  test("find the servers by a tag that no client has", () => {
    const tagsOfMachines = (name: string) =>
      ([template(json, name).tag_specifications].flat() as Block[]).find(
        ({ resource_type: type }) => type === "instance",
      )?.tags as Block;
    expect(tagsOfMachines("prod-servers")).toMatchObject({ "meshform:servers": "prod", "meshform:cluster": "prod" });
    expect(tagsOfMachines("prod-general")).not.toHaveProperty("meshform:servers");
    for (const name of everywhere) {
      expect(userData(json, name)).toContain("tag_key=meshform:servers tag_value=prod");
      // What only Terraform knows, hosts read from their own tags.
      expect(tagsOfMachines(name)["meshform:assets"]).toMatch(/^prod-assets-\$\{data\.aws_caller_identity/);
      expect(tagsOfMachines(name)["meshform:region"]).toMatch(/^\$\{data\.aws_region/);
    }
  });

  test("start only when what they fetch is there", () => {
    const objects = json.all("aws_s3_object");
    const assets = json.ref(json.named("aws_s3_bucket", "prod-assets"));
    expect(objects.length).toBeGreaterThan(0);
    expect(new Set(objects.map(({ key }) => key)).size).toBe(objects.length);
    for (const name of everywhere) {
      const fetched = objects.filter(({ key }) => userData(json, name).includes((key as string).replace("hosts/", "")));
      expect(fetched.length).toBeGreaterThan(0);
      const addresses = [...fetched, json.one("aws_s3_bucket_policy", { bucket: assets })].map((it) =>
        json.ref(it, "").slice(2, -2),
      );
      expect([...(group(json, name).depends_on as string[])].sort()).toEqual(addresses.sort());
    }
  });

  test("of servers are never moved to even out zones, nor destroyed by accident", () => {
    expect(group(json, "prod-servers")).toMatchObject({
      suspended_processes: ["AZRebalance"],
      lifecycle: { prevent_destroy: true },
      timeouts: { delete: "30m" },
    });
    expect(group(json, "prod-general")).not.toHaveProperty("lifecycle");
  });

  test("tell their groups' tags to the groups alone: those of machines are in the template", () => {
    expect((group(json, "prod-servers").tag as Block[]).map(({ propagate_at_launch: it }) => it)).toEqual([
      false,
      false,
    ]);
  });
});

describe("rights", () => {
  const json = synth();
  const arn = (document: string) =>
    json.ref(json.named("aws_secretsmanager_secret", `meshform/prod/${document}`), "arn");
  const key = json.ref(json.one("aws_kms_key"), "arn");
  const bucketOf = (what: string) => json.ref(json.named("aws_s3_bucket", `prod-${what}`), "arn");
  const common = [
    "ec2:DescribeInstances on *",
    `kms:Decrypt on ${key}`,
    `s3:GetObject on ${bucketOf("assets")}/hosts/*`,
    "ssm:UpdateInstanceInformation on *",
    "ssmmessages:CreateControlChannel on *",
    "ssmmessages:CreateDataChannel on *",
    "ssmmessages:OpenControlChannel on *",
    "ssmmessages:OpenDataChannel on *",
  ];

  /** To complete the hooks of a group, and of no other. */
  const ownHooks = (name: string) =>
    `autoscaling:CompleteLifecycleAction on arn:…:autoscaling:…:…:autoScalingGroup:*:autoScalingGroupName/${name}`;

  test("of clients: read their own secret, what is encrypted for them, and their assets", () => {
    expect(rights(json, "prod-general")).toEqual(
      [...common, ownHooks("prod-general"), `secretsmanager:GetSecretValue on ${arn("client")}`].sort(),
    );
  });

  test("of servers: write the secrets of this cluster too", () => {
    const secrets = ["cluster", "client", "operator", "management", "prometheus"].flatMap((document) =>
      ["GetSecretValue", "PutSecretValue"].map((action) => `secretsmanager:${action} on ${arn(document)}`),
    );
    const snapshots = [
      `s3:ListBucket on ${bucketOf("snapshots")}`,
      ...["GetObject", "PutObject", "DeleteObject"].map((action) => `s3:${action} on ${bucketOf("snapshots")}/*`),
    ];
    expect(rights(json, "prod-servers")).toEqual(
      [...common, ownHooks("prod-servers"), ...secrets, ...snapshots, `kms:GenerateDataKey on ${key}`].sort(),
    );
  });

  test("are of EC2 alone, and each group has a role of its own", () => {
    const roles = json.all("aws_iam_role");
    expect(roles.map(({ name }) => name).sort()).toEqual(["prod-general", "prod-servers"]);
    for (const { assume_role_policy } of roles) {
      expect(JSON.parse(assume_role_policy as string)).toMatchObject({
        Statement: [{ Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
      });
    }
  });
});

describe("secrets, bucket and key", () => {
  const json = synth();
  const key = json.ref(json.one("aws_kms_key"), "arn");

  test("secrets have no value in Terraform, a key, and a name that is free again at once", () => {
    expect(json.all("aws_secretsmanager_secret")).toHaveLength(5);
    for (const secret of json.all("aws_secretsmanager_secret")) {
      expect(secret).toMatchObject({
        kms_key_id: key,
        recovery_window_in_days: 0,
        lifecycle: { prevent_destroy: true },
      });
    }
    expect(json.types).not.toContain("aws_secretsmanager_secret_version");
  });

  test.each(["assets", "snapshots"])(
    "the bucket of %s is versioned, encrypted, for TLS only, and never public",
    (what) => {
      const reference = { bucket: json.ref(json.named("aws_s3_bucket", `prod-${what}`)) };
      expect(json.one("aws_s3_bucket_versioning", reference)).toMatchObject({
        versioning_configuration: { status: "Enabled" },
      });
      expect(json.one("aws_s3_bucket_server_side_encryption_configuration", reference).rule).toEqual([
        {
          apply_server_side_encryption_by_default: { kms_master_key_id: key, sse_algorithm: "aws:kms" },
          bucket_key_enabled: true,
        },
      ]);
      expect(json.one("aws_s3_bucket_public_access_block", reference)).toMatchObject({
        block_public_acls: true,
        block_public_policy: true,
        ignore_public_acls: true,
        restrict_public_buckets: true,
      });
      expect(JSON.parse(json.one("aws_s3_bucket_policy", reference).policy as string)).toMatchObject({
        Statement: [
          {
            Effect: "Deny",
            Action: [expect.stringMatching(/^s3:\*$/i)],
            Condition: { Bool: { "aws:SecureTransport": "false" } },
          },
        ],
      });
      expect(json.one("aws_s3_bucket_lifecycle_configuration", reference).rule).toMatchObject([
        { status: "Enabled", noncurrent_version_expiration: [{ noncurrent_days: what === "assets" ? 90 : 30 }] },
      ]);
    },
  );

  test("S3 logs who uses these buckets in one that only AWS's own services write to, for this account, for 90 days", () => {
    const logs = json.named("aws_s3_bucket", "prod-logs");
    for (const what of ["assets", "snapshots"]) {
      const bucket = json.ref(json.named("aws_s3_bucket", `prod-${what}`));
      expect(json.one("aws_s3_bucket_logging", { bucket })).toMatchObject({
        // Only when S3 is allowed to write there.
        target_bucket: json.ref(json.one("aws_s3_bucket_policy", { bucket: json.ref(logs) })),
        target_prefix: `buckets/prod-${what}/`,
      });
    }
    const { policy } = json.one("aws_s3_bucket_policy", { bucket: json.ref(logs) });
    const { Statement } = JSON.parse(policy as string) as { Statement: Block[] };
    const allowed = Statement.filter(({ Effect }) => Effect === "Allow");
    expect(new Set(allowed.map(({ Principal }) => (Principal as Block).Service))).toEqual(
      new Set([
        "logging.s3.amazonaws.com",
        "delivery.logs.amazonaws.com",
        "logdelivery.elasticloadbalancing.amazonaws.com",
      ]),
    );
    for (const { Condition } of allowed) {
      expect(Condition).toMatchObject({
        StringEquals: { "aws:SourceAccount": expect.stringMatching(/caller_identity/) as string },
      });
    }
    expect(json.one("aws_s3_bucket_lifecycle_configuration", { bucket: json.ref(logs) }).rule).toMatchObject([
      { expiration: [{ days: 90 }] },
    ]);
    // S3 and load balancers cannot write with another key.
    expect(
      json.one("aws_s3_bucket_server_side_encryption_configuration", { bucket: json.ref(logs) }).rule,
    ).toMatchObject([{ apply_server_side_encryption_by_default: { sse_algorithm: "AES256" } }]);
  });

  test("assets go with the cluster; snapshots stay until deletionProtection is off", () => {
    const unprotected = synth({ deletionProtection: false });
    const bucket = (it: AwsJson, what: string) => it.named("aws_s3_bucket", `prod-${what}`);
    expect(bucket(json, "assets")).toMatchObject({ force_destroy: true });
    expect(bucket(json, "assets")).not.toHaveProperty("lifecycle");
    expect(bucket(json, "snapshots")).toMatchObject({ force_destroy: false, lifecycle: { prevent_destroy: true } });
    expect(bucket(unprotected, "snapshots")).toMatchObject({ force_destroy: true });
  });

  test("servers save snapshots in their bucket, of which machines know the name by a tag", () => {
    const often = synth({ snapshots: { everySeconds: 900 } });
    const tags = ([template(often, "prod-servers").tag_specifications].flat() as Block[])[0].tags as Block;
    expect(tags["meshform:snapshots"]).toMatch(/^prod-snapshots-\$\{data\.aws_caller_identity/);
    expect(userData(often, "prod-servers")).toMatch(/"type": "s3",\s+"bucket": "<instance-fact:snapshots>"/);
    expect(userData(often, "prod-servers")).toContain("OnUnitInactiveSec=900");
    const without = synth({ snapshots: false });
    expect(without.text).not.toContain("prod-snapshots");
    expect(userData(without, "prod-servers")).not.toContain("meshform-snapshot");
  });

  test("people who connect get port forwards to its servers and one secret, and no shell", () => {
    const stack = new AwsTestStack();
    const cluster = clusterIn(stack);
    new IamRolePolicy(stack, "people", {
      role: "people",
      policy: JSON.stringify({ Statement: cluster.connectStatements("operator") }),
    });
    const own = AwsJson.of(stack);
    const { policy } = own.one("aws_iam_role_policy", { role: "people" });
    const { Statement } = JSON.parse(policy as string) as { Statement: (Block & { Action: string[] })[] };
    const actions = Statement.flatMap(({ Action }) => Action).sort();
    expect(actions).toEqual([
      ...["ec2:DescribeInstances", "kms:Decrypt", "secretsmanager:GetSecretValue"],
      ...["ssm:StartSession", "ssm:StartSession", "ssm:TerminateSession"],
    ]);
    const [instances, document] = Statement.filter(({ Action }) => Action.includes("ssm:StartSession"));
    expect(instances.Condition).toEqual({
      StringEquals: { "ssm:resourceTag/meshform:servers": "prod" },
      BoolIfExists: { "ssm:SessionDocumentAccessCheck": "true" },
    });
    expect(document.Resource).toEqual([expect.stringMatching(/::document\/AWS-StartPortForwardingSession$/)]);
    const [secret] = Statement.filter(({ Action }) => Action.includes("secretsmanager:GetSecretValue"));
    expect(secret.Resource).toEqual([
      own.ref(own.one("aws_secretsmanager_secret", { name: "meshform/prod/operator" }), "arn"),
    ]);
    // IAM replaces the variable, not Terraform.
    expect(policy).toMatch(/session\/\$\$\{aws:userid\}-\*/);
  });

  test("the key is rotated, and used by nobody but those whom policies let, and EC2 Auto Scaling", () => {
    const resource = json.one("aws_kms_key");
    expect(resource).toMatchObject({ enable_key_rotation: true, lifecycle: { prevent_destroy: true } });
    const { Statement } = JSON.parse(resource.policy as string) as { Statement: Block[] };
    const open = Statement.filter(({ Principal }) => (Principal as Block).AWS === "*");
    expect(open).toHaveLength(2);
    for (const { Condition } of open) {
      expect(JSON.stringify(Condition)).toMatch(/aws:PrincipalArn.*AWSServiceRoleForAutoScaling/);
    }
    expect(json.one("aws_kms_alias")).toMatchObject({ name: "alias/prod" });
  });

  test("a key that is there already is used for all of them", () => {
    const arn = "arn:aws:kms:eu-central-1:123456789012:key/1";
    const own = synth({ keyArn: arn });
    expect(own.types).not.toContain("aws_kms_key");
    expect(own.one("aws_secretsmanager_secret", { name: "meshform/prod/cluster" }).kms_key_id).toBe(arn);
    expect(rights(own, "prod-general")).toContain(`kms:Decrypt on ${arn}`);
  });

  test("without deletionProtection all of it can be destroyed", () => {
    expect(synth({ deletionProtection: false }).text).not.toContain("prevent_destroy");
  });
});

describe("pools", () => {
  test("of spot machines have some on demand, several types, and are replaced before AWS takes one", () => {
    const json = synth(
      {},
      {
        scaling: Scaling.byNomad({ min: 0, max: 20 }),
        capacity: Capacity.spot({ base: 1 }),
        instanceTypes: ["m7g.large", "c7g.large"],
      },
    );
    const pool = group(json, "prod-general");
    expect(pool).toMatchObject({ min_size: 0, max_size: 20, capacity_rebalance: true });
    expect(pool).not.toHaveProperty("desired_capacity");
    expect(pool).not.toHaveProperty("launch_template");
    expect(block(pool, "mixed_instances_policy")).toEqual({
      instances_distribution: {
        on_demand_base_capacity: 1,
        on_demand_percentage_above_base_capacity: 0,
        spot_allocation_strategy: "price-capacity-optimized",
      },
      launch_template: {
        launch_template_specification: {
          launch_template_id: json.ref(template(json, "prod-general")),
          version: json.ref(template(json, "prod-general"), "latest_version"),
        },
        override: [{ instance_type: "m7g.large" }, { instance_type: "c7g.large" }],
      },
    });
  });

  test("say what machines must have instead of names, and AWS chooses among the types of the image's architecture", () => {
    const needs = { vcpus: { min: 2, max: 8 }, memoryGib: { min: 7.5 }, excluded: ["c6g.*"] };
    const json = synth({}, { instanceTypes: InstanceRequirements.of(needs) });
    expect(template(json, "prod-general")).not.toHaveProperty("instance_type");
    expect(group(json, "prod-general")).not.toHaveProperty("launch_template");
    expect(block(group(json, "prod-general"), "mixed_instances_policy")).toMatchObject({
      instances_distribution: {
        on_demand_allocation_strategy: "lowest-price",
        on_demand_percentage_above_base_capacity: 100,
      },
      launch_template: {
        override: [
          {
            instance_requirements: {
              vcpu_count: { min: 2, max: 8 },
              memory_mib: { min: 7680 },
              bare_metal: "excluded",
              burstable_performance: "excluded",
              excluded_instance_types: ["c6g.*"],
              instance_generations: ["current"],
            },
          },
        ],
      },
    });
    const spot = synth(
      {},
      {
        capacity: Capacity.spot(),
        instanceTypes: InstanceRequirements.of({ vcpus: { min: 1 }, memoryGib: { min: 2 }, burstable: true }),
      },
    );
    expect(spot.text).toContain('"burstable_performance":"included"');
    expect(spot.text).toContain('"spot_allocation_strategy":"price-capacity-optimized"');
  });

  test("are pools of Nomad's nodes, with class and metadata", () => {
    const json = synth({}, { nodePool: "batch", nodeClass: "big", meta: { rack: "r1" } });
    expect(userData(json, "prod-general")).toMatch(/"node_pool": "batch"/);
    expect(userData(json, "prod-general")).toMatch(/"rack": "r1"/);
  });

  test("boot from another image: Debian, or one that stays the same", () => {
    const debian = synth({}, { image: MachineImage.debian("amd64"), instanceTypes: ["t3.medium"] });
    expect(block(template(debian, "prod-general"), "block_device_mappings").device_name).toBe("/dev/xvda");
    expect(debian.text).toContain('"name":"/aws/service/debian/release/12/latest/amd64"');
    const pinned = synth({
      image: MachineImage.id("ami-1", { distribution: "ubuntu-24.04", rootDevice: "/dev/xvdz" }),
    });
    for (const name of everywhere) {
      expect(template(pinned, name)).toMatchObject({ image_id: "ami-1" });
      expect(block(template(pinned, name), "block_device_mappings").device_name).toBe("/dev/xvdz");
    }
    expect(pinned.data("aws_ssm_parameter")).toEqual([]);
  });
});

describe("refuses", () => {
  test.each([
    [
      { name: "Prod" },
      {},
      'stack/prod: The name of the cluster is "Prod". Use 1 to 20 lower-case letters, digits and dashes, starting with a letter, because the names of buckets, roles and tags contain it.',
    ],
    [
      { serverType: "t3.medium" },
      {},
      "stack/prod/server-machines: The image is for arm64, and t3.medium for amd64. Choose an image for amd64, or instance types for arm64.",
    ],
    [
      {},
      { instanceTypes: ["t4g.small", "m5.large"] },
      "stack/prod/general-machines: The image is for arm64, and m5.large for amd64.",
    ],
    [
      {},
      { instanceTypes: [] },
      "stack/prod/general-machines: It has no instance type. Add one, or omit instanceTypes.",
    ],
    [
      {},
      { instanceTypes: InstanceRequirements.of({ vcpus: { min: 4, max: 2 }, memoryGib: { min: 0 } }) },
      'clientPool "general" > instanceTypes.memoryGib.min is 0; expected a number above 0. Set it. clientPool "general" > instanceTypes.vcpus.max is 2; expected 4 (min) or more. Give the larger number as max.',
    ],
    [
      {},
      { instanceTypes: InstanceRequirements.of({ vcpus: { min: 1.5 } } as unknown as InstanceRequirementsOptions) },
      'clientPool "general" > instanceTypes.vcpus.min is 1.5; expected a whole number, 1 or more. Set it. clientPool "general" > instanceTypes.memoryGib is not set; expected a value. Set it.',
    ],
    [
      {},
      {
        instanceTypes: InstanceRequirements.of({
          ...{ vcpus: { min: 1 }, memoryGib: { min: 1 } },
          excluded: Array.from({ length: 401 }, () => "c6g.*"),
        }),
      },
      'clientPool "general" > instanceTypes.excluded is 401; expected 400 types or fewer. Use patterns with *.',
    ],
    [
      {},
      { scaling: Scaling.byNomad({ min: 3, max: 2 }) },
      'stack/prod: clientPool "general" > scaling.max is 2; expected 3 (min) or more. Give the larger number as max.',
    ],
    [
      {},
      { scaling: Scaling.cpu({ min: 0, max: 2 }) },
      'stack/prod: clientPool "general" > scaling.min is 0; expected 1 or more. Use Scaling.byNomad for a pool that may be idle.',
    ],
    [
      { tags: { "cost center": "1" } },
      {},
      'stack/prod/server-machines: The tag "cost center" has characters other than letters, digits and +-=._,:@, which the instance metadata service does not support. Choose another key.',
    ],
  ] satisfies [Props, ClientPoolProps, string][])("%j, %j", (props, pool, message) => {
    expect(() => synth(props, pool)).toThrow(message);
  });
});

test("one server is for trying things out, and needs neither three zones nor a reason", () => {
  const stack = new AwsTestStack();
  const network = new Network(stack, "net", { flowLogs: false, zones: 1 });
  new AwsCluster(stack, "dev", { network, serverCount: 1, deletionProtection: false });
  expect(findingsOf(() => AwsJson.of(stack))).toEqual([]);
});
