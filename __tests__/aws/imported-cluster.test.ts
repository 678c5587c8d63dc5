import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AwsCluster, Network, type ImportedPublishOptions, type PublishOptions } from "../../constructs/aws";
import { findProgram } from "../../lab/machine/find-program";
import { AwsJson, AwsTestStack } from "../support/aws";

const GATEWAY = { serviceName: "gateway", listeners: [{ protocol: "http", options: { port: 8080 } }] };

const FACTS = "jsondecode(nonsensitive(data.aws_ssm_parameter.cluster_facts_4D54BD7D.value))";

/** The app that creates the cluster. */
const owner = (() => {
  const stack = new AwsTestStack();
  const cluster = new AwsCluster(stack, "prod", { network: new Network(stack, "net", { flowLogs: false }) });
  cluster.addClientPool("general");
  // After the parameter: pools are added at any time.
  cluster.addClientPool("batch", { nodePool: "batch" });
  return AwsJson.of(stack);
})();

/** The app of another team, which publishes a gateway on that cluster. */
function application(
  options: Partial<ImportedPublishOptions> = {},
  props: { ipv6?: boolean; alarmTopicArn?: string } = {},
): AwsJson {
  const stack = new AwsTestStack();
  const cluster = AwsCluster.fromName(stack, "cluster", { name: "prod", ...props });
  cluster.publish(GATEWAY, { pools: ["general"], allowFrom: ["10.0.0.0/16"], ...options });
  return AwsJson.of(stack);
}

test("a cluster writes its ids and names to a parameter, no secrets, with all of its pools", () => {
  const parameter = owner.one("aws_ssm_parameter");
  expect(parameter).toMatchObject({ name: "/meshform/prod/cluster", type: "String" });
  const subnets = (kind: string) =>
    [1, 2, 3].map((zone) => owner.ref(owner.named("aws_subnet", `net-${kind}-${zone}`)));
  const logs = owner.ref(owner.named("aws_s3_bucket", "prod-logs"));
  expect(JSON.parse(String(parameter.insecure_value))).toEqual({
    vpcId: owner.ref(owner.one("aws_vpc")),
    privateSubnetIds: subnets("private"),
    publicSubnetIds: subnets("public"),
    clientsSecurityGroupId: owner.ref(owner.named("aws_security_group", "prod-clients")),
    logsBucketName: owner.ref(owner.one("aws_s3_bucket_policy", { bucket: logs })),
    deletionProtection: true,
    // References: an app can import the cluster when its groups exist.
    pools: Object.fromEntries(
      ["general", "batch"].map((pool) => [
        pool,
        owner.ref(owner.one("aws_autoscaling_group", { name: `prod-${pool}` }), "name"),
      ]),
    ),
  });
});

describe("an app that imports the cluster by its name", () => {
  const json = application();

  test("reads the parameter, and nothing of the other app's state", () => {
    expect(json.data("aws_ssm_parameter")).toMatchObject([{ name: "/meshform/prod/cluster" }]);
    expect(json.text).not.toContain("terraform_remote_state");
  });

  test("creates only its load balancer", () => {
    expect([...json.types].sort()).toEqual([
      "aws_autoscaling_attachment",
      "aws_lb",
      "aws_lb_listener",
      "aws_lb_target_group",
      "aws_security_group",
      "aws_vpc_security_group_egress_rule",
      "aws_vpc_security_group_ingress_rule",
    ]);
  });

  test("publishes its gateway where the cluster is", () => {
    expect(json.one("aws_security_group").vpc_id).toBe(`\${${FACTS}.vpcId}`);
    expect(json.one("aws_lb")).toMatchObject({
      ...{ name: "prod-gateway", internal: true, ip_address_type: "ipv4" },
      subnets: `\${${FACTS}.privateSubnetIds}`,
      enable_deletion_protection: `\${${FACTS}.deletionProtection}`,
      access_logs: { bucket: `\${${FACTS}.logsBucketName}` },
    });
    expect(json.one("aws_autoscaling_attachment").autoscaling_group_name).toBe(`\${${FACTS}.pools.general}`);
    const clients = `\${${FACTS}.clientsSecurityGroupId}`;
    expect(json.one("aws_vpc_security_group_ingress_rule", { security_group_id: clients })).toMatchObject({
      ...{ from_port: 8080, to_port: 8080, ip_protocol: "tcp" },
      referenced_security_group_id: json.ref(json.one("aws_security_group")),
    });
  });

  test("uses public subnets, IPv6 and alarms where it asks for them", () => {
    const options = { internetFacing: true, allowFrom: undefined, certificateArn: "arn:aws:acm:x" };
    const asked = application(options, { ipv6: true, alarmTopicArn: "arn:aws:sns:x" });
    expect(asked.one("aws_lb")).toMatchObject({
      ...{ internal: false, ip_address_type: "dualstack", subnets: `\${${FACTS}.publicSubnetIds}` },
    });
    expect(asked.one("aws_cloudwatch_metric_alarm").alarm_actions).toEqual(["arn:aws:sns:x"]);
    // How many subnets there are is known to Terraform only.
    expect(application({ kind: "application" }).one("aws_lb").load_balancer_type).toBe("application");
  });

  test("is told which option or name is wrong", () => {
    const cluster = AwsCluster.fromName(new AwsTestStack(), "cluster", { name: "prod" });
    const withoutPools: PublishOptions = { allowFrom: ["sg-1"] };
    // @ts-expect-error The pools of another app's cluster are not known.
    expect(() => cluster.publish(GATEWAY, withoutPools)).toThrow(
      'stack/cluster: publish "gateway" > pools is not set; expected a value. Name the client pools on which the gateway runs, such as ["general"].',
    );
    expect(() => AwsCluster.fromName(new AwsTestStack(), "cluster", { name: "Prod" })).toThrow(
      'stack/cluster: The name of the cluster is "Prod". Use 1 to 20 lower-case letters, digits and dashes, starting with a letter, because the names of buckets, roles and tags contain it.',
    );
  });

  test("is offered nothing that needs the stack of the cluster", () => {
    const cluster = AwsCluster.fromName(new AwsTestStack(), "cluster", { name: "prod" });
    // @ts-expect-error Only the app that created the cluster can add machines to it.
    expect(cluster.addClientPool).toBeUndefined();
    // @ts-expect-error Its hosts are data of the other app.
    expect(cluster.consul).toBeUndefined();
    // @ts-expect-error Statements have ARNs of its secrets.
    expect(cluster.connectStatements).toBeUndefined();
  });
});

(findProgram("terraform") === undefined ? test.skip : test)(
  "Terraform finds in the parameter what the app looks for",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "meshform-parameter-"));
    try {
      const written = String(owner.one("aws_ssm_parameter").insecure_value).replaceAll(
        /\$\{[^}]*\.([\w-]+)\.\w+\}/g,
        "$1",
      );
      const { subnets, enable_deletion_protection } = application().one("aws_lb");
      const group = (pool: string) =>
        application({ pools: [pool] }).one("aws_autoscaling_attachment").autoscaling_group_name;
      const evaluate = (values: Record<string, unknown>) => {
        const output = Object.entries(values).map(([name, value]) => {
          const text = String(value).replaceAll(/data\.aws_ssm_parameter\.\w+\.value/g, "sensitive(var.parameter)");
          return [name, { value: text }] as const;
        });
        const variable = { parameter: { default: written } };
        writeFileSync(join(folder, "main.tf.json"), JSON.stringify({ variable, output: Object.fromEntries(output) }));
        const run = (...args: string[]) =>
          execFileSync("terraform", args, { cwd: folder, encoding: "utf8", stdio: "pipe" });
        run("init", "-input=false");
        run("apply", "-auto-approve", "-input=false", "-no-color");
        return JSON.parse(run("output", "-json")) as Record<string, { value: unknown }>;
      };
      const known = JSON.parse(written) as { privateSubnetIds: string[]; pools: Record<string, string> };
      expect(evaluate({ subnets, enable_deletion_protection, group: group("batch") })).toMatchObject({
        subnets: { value: known.privateSubnetIds },
        enable_deletion_protection: { value: true },
        group: { value: known.pools.batch },
      });
      expect(() => evaluate({ group: group("edge") })).toThrow(/does not have an attribute named "edge"/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
