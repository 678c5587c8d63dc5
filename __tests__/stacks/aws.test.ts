import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Testing, type TerraformStack } from "cdktf";
import { ApiGatewayListener, Protocol, Workload } from "../../constructs";
import { keepState, MeshStack, PRESETS, readAwsSettings, type AwsSettings } from "../../stacks";
import { addAwsStacks } from "../../stacks/aws";
import { endpointCost, estimateOf, PRICES_OF } from "../../stacks/aws/prices";
import { withDefaults } from "../../stacks/aws/settings";
import { AwsTestStack, type Block } from "../support/aws";
import { readPage } from "../support/page";
import { testApp } from "../support/test-app";

const WORKLOAD = { workload: Workload.docker({ image: "example/web:1" }) };

const saved = { ...process.env };

afterEach(() => {
  process.env = { ...saved };
});

const settingsWith = (context: Record<string, unknown>) => readAwsSettings(testApp({ context }));

describe("settings", () => {
  test("without a region, no settings are read, even if others are set", () => {
    expect(settingsWith({})).toBeUndefined();
    expect(settingsWith({ awsPreset: "production" })).toBeUndefined();
  });

  test("with only a region set, they are those of dev", () => {
    process.env.MESHFORM_AWS_REGION = "eu-central-1";
    expect(settingsWith({})).toEqual({
      region: "eu-central-1",
      preset: "dev",
      name: "dev",
      cidr: "10.0.0.0/16",
      createStateBucket: false,
      ...PRESETS.dev,
    });
  });

  test("those of the environment overrule the context, and both the preset", () => {
    process.env.MESHFORM_AWS_SERVER_COUNT = "5";
    process.env.MESHFORM_AWS_DELETION_PROTECTION = "off";
    const context = { awsRegion: "eu-west-1", awsPreset: "production", awsServerCount: 3, awsMaxClients: 20 };
    expect(settingsWith(context)).toMatchObject({
      ...{ preset: "production", name: "production", zones: 3, minClients: 3 },
      ...{ serverCount: 5, maxClients: 20, deletionProtection: false },
    });
  });

  test("the fewest clients are never more than the most", () => {
    expect(settingsWith({ awsRegion: "eu-west-1", awsMinClients: 4 })).toMatchObject({ minClients: 4, maxClients: 4 });
    expect(settingsWith({ awsRegion: "eu-west-1", awsPreset: "production", awsMaxClients: 2 })).toMatchObject({
      ...{ minClients: 2, maxClients: 2 },
    });
  });

  test("all that is wrong is named at once, with where it was given", () => {
    process.env.MESHFORM_AWS_REGON = "eu-central-1";
    process.env.MESHFORM_AWS_SERVER_COUNT = "2";
    process.env.MESHFORM_AWS_IMAGE_ID = "ubuntu";
    process.env.MESHFORM_AWS_ALARM_TOPIC_ARN = "alarms";
    expect(() => settingsWith({ awsPreset: "prod", awsZones: 4, awsName: "Shop", awsStateBucket: "a" })).toThrow(
      `the app: 8 settings are wrong. ${[
        "Unknown setting MESHFORM_AWS_REGON (environment). Did you mean MESHFORM_AWS_REGION?",
        'The setting awsPreset is "prod" (context in cdktf.json); it must be "dev" or "production".',
        'The setting awsName is "Shop" (context in cdktf.json); it must be 1 to 20 small letters, digits and dashes, beginning with a letter.',
        "The setting awsZones is 4 (context in cdktf.json); it must be 1, 2 or 3.",
        'The setting awsServerCount is "2" (environment variable MESHFORM_AWS_SERVER_COUNT); it must be 1, 3 or 5.',
        'The setting awsImageId is "ubuntu" (environment variable MESHFORM_AWS_IMAGE_ID); it must be an image such as "ami-0123456789abcdef0".',
        'The setting awsAlarmTopicArn is "alarms" (environment variable MESHFORM_AWS_ALARM_TOPIC_ARN); it must be an SNS topic such as "arn:aws:sns:eu-central-1:123456789012:alarms".',
        'The setting awsStateBucket is "a" (context in cdktf.json); it must be a name of a bucket: 3 to 63 small letters, digits, dashes and dots.',
      ]
        .map((it) => `\n  - ${it}`)
        .join("")}`,
    );
  });
});

type Terraform = { terraform: Block; resource: Record<string, Record<string, Block>> };

function jsonOf(stack: TerraformStack): Terraform {
  return JSON.parse(Testing.synth(stack, true)) as Terraform;
}

function countOf(terraform: Terraform, type: string): number {
  return Object.keys(terraform.resource[type] ?? {}).length;
}

/** The Auto Scaling groups by their names. */
function groupsOf(terraform: Terraform): Record<string, Block> {
  return Object.fromEntries(Object.values(terraform.resource.aws_autoscaling_group).map((it) => [String(it.name), it]));
}

/** What the checks warn of; of the engines' versions they do in any app. */
function warningsOf(stack: TerraformStack): string[] {
  return stack.node
    .findAll()
    .flatMap(({ node }) => node.metadata.filter(({ type }) => /warn/.test(type)).map(({ data }) => String(data)))
    .filter((it) => !it.endsWith("(security-release)"));
}

function stacksOf(settings: Partial<Parameters<typeof withDefaults>[0]>) {
  return addAwsStacks(testApp(), withDefaults({ region: "eu-central-1", ...settings }));
}

describe("stacks", () => {
  test("of dev are one server and one client in one zone, which can be destroyed", () => {
    const { state, network, cluster } = stacksOf({});
    expect(state).toBeUndefined();
    expect(countOf(jsonOf(network), "aws_nat_gateway")).toBe(1);
    const terraform = jsonOf(cluster);
    expect(groupsOf(terraform)).toMatchObject({
      "dev-servers": { min_size: 1, max_size: 1 },
      "dev-general": { min_size: 1, max_size: 1 },
    });
    expect(JSON.stringify(terraform)).not.toContain("prevent_destroy");
    expect(cluster.dependencies).toContain(network);
  });

  test("of production are three servers and three to nine clients in three zones, each with its way to the internet", () => {
    const { network, cluster } = stacksOf({ preset: "production", imageId: "ami-1" });
    expect(countOf(jsonOf(network), "aws_nat_gateway")).toBe(3);
    const terraform = jsonOf(cluster);
    expect(groupsOf(terraform)).toMatchObject({
      "production-servers": { min_size: 3, max_size: 3, lifecycle: { prevent_destroy: true } },
      "production-general": { min_size: 3, max_size: 9 },
    });
    expect(countOf(terraform, "aws_autoscaling_policy")).toBe(1);
    expect(Object.values(terraform.resource.aws_launch_template)).toMatchObject([
      { image_id: "ami-1", instance_type: "m7g.large" },
      { image_id: "ami-1", instance_type: "m7g.large" },
    ]);
    expect(warningsOf(cluster)).toEqual([]);
  });

  test("of production warn of an image that may change", () => {
    const { cluster } = stacksOf({ preset: "production" });
    jsonOf(cluster);
    expect(warningsOf(cluster)).toEqual([expect.stringMatching(/\(moving-image\)$/)]);
  });

  test("keep their state in a bucket with lock files, which the first of them creates", () => {
    const { state, network, cluster } = stacksOf({ stateBucket: "example-state", createStateBucket: true });
    for (const stack of [network, cluster]) {
      expect(jsonOf(stack).terraform).toMatchObject({
        backend: {
          s3: {
            bucket: "example-state",
            key: `dev/${stack.node.id}.tfstate`,
            region: "eu-central-1",
            encrypt: true,
            use_lockfile: true,
          },
        },
      });
    }
    if (state === undefined) throw new Error("There is no stack with the bucket.");
    const own = jsonOf(state);
    expect(own.terraform).not.toHaveProperty("backend");
    expect(Object.values(own.resource.aws_s3_bucket)).toMatchObject([{ bucket: "example-state", force_destroy: true }]);
    expect(countOf(own, "aws_s3_bucket_versioning")).toBe(1);
    expect(network.dependencies).toContain(state);
  });

  test("refuse versions of Terraform without lock files where they need them, in a file next to their JSON", () => {
    const app = testApp();
    const settings = withDefaults({ region: "eu-central-1", stateBucket: "example-state", createStateBucket: true });
    addAwsStacks(app, settings);
    app.synth();
    const versionOf = (stack: string) => readFileSync(join(app.outdir, "stacks", stack, "versions.tf"), "utf8");
    expect(versionOf("aws-cluster")).toBe('terraform {\n  required_version = ">= 1.10"\n}\n');
    expect(versionOf("aws-state")).toContain('">= 1.4"');
  });

  test("say which setting is missing for that", () => {
    expect(() => stacksOf({ createStateBucket: true })).toThrow(
      "aws-state: createStateBucket is set, and stateBucket is not. Set stateBucket to a name that is unique in the world (MESHFORM_AWS_STATE_BUCKET).",
    );
  });

  describe("with a second region", () => {
    const PEER = { peerRegion: "eu-west-1", stateBucket: "example-state" };

    function regionsOf(settings: Partial<AwsSettings> = {}) {
      const stacks = stacksOf({ ...PEER, ...settings });
      const { peer, connection } = stacks;
      if (peer === undefined || connection === undefined) throw new Error("There is no second region.");
      return { ...stacks, peer, connection };
    }

    /** The regions of a stack's providers by their aliases. */
    const regions = (stack: TerraformStack) =>
      (jsonOf(stack) as unknown as { provider: { aws: Block[] } }).provider.aws.map(({ alias = "", region }) => [
        alias,
        region,
      ]);

    test("there are two clusters, each in its region, and a connection that depends on both", () => {
      const { network, cluster, peer, connection } = regionsOf();
      for (const stack of [network, cluster]) expect(regions(stack)).toEqual([["", "eu-central-1"]]);
      for (const stack of [peer.network, peer.cluster]) expect(regions(stack)).toEqual([["", "eu-west-1"]]);
      expect(regions(connection)).toEqual([
        ["", "eu-central-1"],
        ["peer", "eu-west-1"],
      ]);
      expect(
        [cluster, peer.cluster].map(({ cluster: { name, consul } }) => [name, consul.cluster.consulDatacenter]),
      ).toEqual([
        ["dev", "dc1"],
        ["dev-2", "dc2"],
      ]);
      expect(connection.dependencies).toEqual(expect.arrayContaining([cluster, peer.cluster]));
      expect([cluster, peer.cluster].flatMap(({ dependencies }) => dependencies)).toEqual([network, peer.network]);
    });

    test("all stacks keep their state in one bucket, in its own region and under names of their own", () => {
      const { network, cluster, peer, connection } = regionsOf({ stateRegion: "eu-north-1" });
      const states = [network, cluster, peer.network, peer.cluster, connection].map((stack) => {
        const { backend } = jsonOf(stack).terraform as { backend: { s3: Block } };
        return backend.s3;
      });
      for (const state of states) expect(state).toMatchObject({ bucket: "example-state", region: "eu-north-1" });
      expect(new Set(states.map(({ key }) => key)).size).toBe(states.length);
      const { backend } = jsonOf(regionsOf().peer.cluster).terraform as { backend: { s3: Block } };
      expect(backend.s3.region).toBe("eu-central-1");
    });

    test("each cluster has machines for mesh gateways, in two zones where there are several", () => {
      for (const [preset, count] of [
        ["dev", 1],
        ["production", 2],
      ] as const) {
        const { cluster, peer } = regionsOf({ preset, imageId: "ami-1", peerImageId: "ami-2" });
        for (const [stack, name, image] of [
          [cluster, preset, "ami-1"],
          [peer.cluster, `${preset}-2`, "ami-2"],
        ] as const) {
          const terraform = jsonOf(stack);
          expect(groupsOf(terraform)[`${name}-gateways`]).toMatchObject({ min_size: count, max_size: count });
          for (const { image_id } of Object.values(terraform.resource.aws_launch_template))
            expect(image_id).toBe(image);
        }
      }
      expect(Object.keys(groupsOf(jsonOf(stacksOf({}).cluster)))).not.toContain("dev-gateways");
    });

    test("the second cluster has what its settings say, and no load balancers", () => {
      const topic = "arn:aws:sns:eu-west-1:123456789012:alarms";
      const { peer } = regionsOf({
        peerName: "spare",
        peerCidr: "10.9.0.0/16",
        peerAlarmTopicArn: topic,
        uiDomain: "a.b",
        zoneId: "Z1",
      });
      expect(JSON.stringify(jsonOf(peer.network))).toContain("10.9.0.0/16");
      const terraform = jsonOf(peer.cluster);
      expect(Object.keys(groupsOf(terraform))).toContain("spare-servers");
      for (const { alarm_actions } of Object.values(terraform.resource.aws_cloudwatch_metric_alarm)) {
        expect(alarm_actions).toEqual([topic]);
      }
      expect(peer.cluster.cluster.uis).toBe(false);
    });

    test("its gateways cost too", () => {
      const one = estimateOf(withDefaults({ region: "eu-central-1" })).usd;
      const { costs, usd } = estimateOf(withDefaults({ region: "eu-central-1", ...PEER }));
      expect(costs.find(({ what }) => what.startsWith("mesh gateways"))).toMatchObject({ count: 1, usd: 24.53 });
      expect(usd).toBeCloseTo(one + 24.53 + 40 * 0.08, 2);
    });
  });

  test("of other kinds keep their state there too", () => {
    const stack = new AwsTestStack();
    keepState(stack, withDefaults({ region: "eu-central-1", stateBucket: "example-state" }));
    expect(jsonOf(stack).terraform).toMatchObject({
      backend: { s3: { key: "dev/stack.tfstate", use_lockfile: true } },
    });
  });

  test("of neither preset have load balancers", () => {
    for (const preset of ["dev", "production"] as const) {
      const { cluster, edge } = stacksOf({ preset });
      expect(edge).toBeUndefined();
      expect(Object.keys(jsonOf(cluster).resource)).not.toContain("aws_lb");
    }
  });

  describe("with load balancers", () => {
    const NAMES = { domain: "shop.example", uiDomain: "mesh.example", zoneId: "Z1" };

    function edgeOf(settings: Partial<AwsSettings> = {}) {
      const app = testApp();
      const meshStack = new MeshStack(app, "mesh", { runtime: "docker", secure: true });
      const gateway = meshStack.mesh.addApiGateway("edge", { listeners: [ApiGatewayListener.http({ port: 8080 })] });
      gateway.connectTo(meshStack.mesh.addService("web", { port: 80, protocol: Protocol.HTTP, ...WORKLOAD }));
      const stacks = addAwsStacks(app, withDefaults({ region: "eu-central-1", ...NAMES, ...settings }), { gateway });
      if (stacks.edge === undefined) throw new Error("There is no edge stack.");
      return { ...stacks, mesh: meshStack, edge: stacks.edge };
    }

    /** The load balancers as `<name> <internal>`, and who can connect to them. */
    function balancersOf(edge: TerraformStack) {
      const { resource } = jsonOf(edge);
      const sources = Object.values(resource.aws_vpc_security_group_ingress_rule).flatMap(
        ({ cidr_ipv4: it }) => it ?? [],
      );
      return {
        balancers: Object.values(resource.aws_lb).map(({ name, internal }) => `${String(name)} ${String(internal)}`),
        names: Object.values(resource.aws_route53_record).flatMap(({ name, type }) => (type === "A" ? [name] : [])),
        sources: [...new Set(sources)],
      };
    }

    test("publish the gateway and the UIs after the mesh, to the network alone", () => {
      const { cluster, mesh, edge } = edgeOf();
      expect(balancersOf(edge)).toEqual({
        balancers: ["dev-edge true", "dev-uis true"],
        names: ["shop.example", "mesh.example"],
        sources: ["10.0.0.0/16"],
      });
      expect(edge.dependencies).toEqual(expect.arrayContaining([cluster, mesh]));
      expect(cluster.dependencies).not.toContain(edge);
      expect(mesh.dependencies).not.toContain(edge);
    });

    test("publish the gateway to the internet only if asked to, and the UIs never", () => {
      const { edge } = edgeOf({
        internetFacing: true,
        certificateArn: "arn:aws:acm:eu-central-1:123456789012:certificate/1",
      });
      expect(balancersOf(edge)).toMatchObject({
        balancers: ["dev-edge false", "dev-uis true"],
        sources: ["0.0.0.0/0", "10.0.0.0/16"],
      });
      expect(jsonOf(edge).resource).not.toHaveProperty("aws_acm_certificate");
      expect(balancersOf(edgeOf({ allowFrom: ["10.8.0.0/16"] }).edge).sources).toEqual(["10.8.0.0/16"]);
    });

    test("keep their state with the others, and cost more", () => {
      const { edge, cluster } = edgeOf({ stateBucket: "example-state" });
      expect(jsonOf(edge).terraform).toMatchObject({ backend: { s3: { key: "dev/aws-edge.tfstate" } } });
      const { usd } = estimateOf(withDefaults({ region: "eu-central-1" }));
      expect(cluster.node.metadata.map(({ data }) => String(data))).toContainEqual(
        expect.stringContaining(`at least ${(usd + 2 * 16.43).toFixed(0)} USD`),
      );
    });

    test("say which setting is missing", () => {
      expect(() => edgeOf({ zoneId: undefined })).toThrow(
        "aws-edge: domain is set, and zoneId is not. Set zoneId to the id of the hosted zone of the name in Route 53 (MESHFORM_AWS_ZONE_ID).",
      );
    });
  });

  test("say what they cost at least", () => {
    const { cluster } = stacksOf({ serverType: "x9g.huge" });
    expect(cluster.node.metadata.map(({ data }) => String(data))).toContain(
      "It costs at least 70 USD a month in us-east-1 at on-demand prices of 2026-06-17, without traffic, without x9g.huge, whose prices are not known. The prices of eu-central-1 differ, and are not known. Compare it with AWS's price list.",
    );
  });
});

test("who can connect may be a list or text", () => {
  process.env.MESHFORM_AWS_ALLOW_FROM = "10.8.0.0/16, sg-0abc";
  expect(settingsWith({ awsRegion: "eu-west-1" })?.allowFrom).toEqual(["10.8.0.0/16", "sg-0abc"]);
  process.env.MESHFORM_AWS_ALLOW_FROM = "everyone";
  expect(() => settingsWith({ awsRegion: "eu-west-1" })).toThrow(
    'The setting awsAllowFrom is "everyone" (environment variable MESHFORM_AWS_ALLOW_FROM); it must be CIDR blocks, security groups and prefix lists such as "10.8.0.0/16, sg-0abc, pl-0abc".',
  );
  delete process.env.MESHFORM_AWS_ALLOW_FROM;
  expect(settingsWith({ awsRegion: "eu-west-1", awsAllowFrom: ["pl-1"] })?.allowFrom).toEqual(["pl-1"]);
});

describe("the estimate", () => {
  const cell = (value: string | number) => (typeof value === "number" ? value.toFixed(2) : value);

  test("is what the page about AWS says", () => {
    const page = readPage("docs/aws.md");
    for (const preset of ["dev", "production"] as const) {
      const { costs, usd } = estimateOf(withDefaults({ region: PRICES_OF.region, preset }));
      for (const { what, count, usd: cost } of costs) {
        const row = page.split("\n").find((line) => line.startsWith(`| ${what} `));
        const cells = row?.split("|").map((it) => it.trim()) ?? [];
        expect([what, preset, ...cells]).toContain(`${count}: ${cell(cost)}`);
      }
      expect(page).toContain(cell(usd));
    }
    expect(page).toContain(`${cell(endpointCost(3, 3))} dollars`);
    expect(page).toContain(PRICES_OF.date);
  });

  test("adds up prices", () => {
    const { usd, costs } = estimateOf(withDefaults({ region: PRICES_OF.region, preset: "production" }));
    const of = (what: string) => costs.find((it) => it.what === what)?.usd;
    expect(of("NAT gateways")).toBe(98.55);
    expect(usd).toBeCloseTo(
      costs.reduce((sum, it) => sum + it.usd, 0),
      2,
    );
    // Three interface endpoints in three zones cost more than a NAT gateway.
    expect(endpointCost(3, 3)).toBeGreaterThan(98.55 / 3);
  });
});
