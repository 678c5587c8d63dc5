import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Testing } from "cdktf";
import { DEFAULT_VERSIONS } from "../../constructs/linux/versions";
import type { AwsCluster } from "../../constructs/aws";
import { addAwsStacks } from "../../stacks/aws";
import { withDefaults, type AwsSettings } from "../../stacks/aws/settings";
import type { Block } from "./aws";
import { ACCOUNT, accessKeyOf, TestAwsAccount } from "./aws-account";
import { CloudMachine } from "./cloud-machine";
import type { Statement } from "./iam";
import type { MachineImage } from "./machine-image";
import { type StackJson, withTerraformValues } from "./terraform-values";

const HOUR = 3_600_000;

interface Template {
  readonly name: string;
  readonly user_data: string;
  readonly network_interfaces: readonly { readonly security_groups: readonly string[] }[];
  readonly tag_specifications: readonly { readonly resource_type: string; readonly tags: Record<string, string> }[];
}

/** The stack of a cluster on AWS as `cdktf synth` writes it, and machines that boot from what is in it. */
export class SynthesizedAwsCluster {
  private constructor(
    readonly stack: StackJson,
    private readonly region: string,
  ) {}

  /** @param add adds to the stack what is not in it by settings */
  static of(
    settings: Partial<AwsSettings> & Pick<AwsSettings, "region">,
    add: (cluster: AwsCluster) => void = () => undefined,
  ): SynthesizedAwsCluster {
    const outdir = mkdtempSync(join(tmpdir(), "meshform-stacks-"));
    const app = Testing.app({ outdir });
    add(addAwsStacks(app, withDefaults(settings)).cluster.cluster);
    app.synth();
    const stack = JSON.parse(readFileSync(join(outdir, "stacks/aws-cluster/cdk.tf.json"), "utf8")) as StackJson;
    rmSync(outdir, { recursive: true });
    return new SynthesizedAwsCluster(stack, settings.region);
  }

  /** Every resource of a type. */
  all(type: string): readonly Block[] {
    return Object.values(this.stack.resource[type] ?? {});
  }

  /** Names of the secrets. */
  get secretNames(): readonly string[] {
    return this.all("aws_secretsmanager_secret").map(({ name }) => String(name));
  }

  /** A text with what AWS would tell Terraform. @param arns ARNs by the names of secrets @default none */
  known(text: string, arns: Readonly<Record<string, string>> = {}): string {
    return withTerraformValues(text, this.stack, (type, attribute, name) => {
      const values: Readonly<Record<string, string>> = {
        "aws_caller_identity.account_id": ACCOUNT,
        "aws_region.name": this.region,
        "aws_partition.partition": "aws",
        "aws_s3_bucket.id": name,
        "aws_s3_bucket.arn": `arn:aws:s3:::${name}`,
        "aws_cloudwatch_log_group.arn": `arn:aws:logs:${this.region}:${ACCOUNT}:log-group:${name}`,
        "aws_kms_key.arn": `arn:aws:kms:${this.region}:${ACCOUNT}:key/1`,
      };
      return arns[name] ?? values[`${type}.${attribute}`];
    });
  }

  /** Names of the log groups. */
  get logGroupNames(): readonly string[] {
    return this.all("aws_cloudwatch_log_group").map(({ name }) => String(name));
  }

  /** An account that has the buckets with their objects, the log groups, and the secrets without values. */
  account(): Promise<TestAwsAccount> {
    return TestAwsAccount.start({
      ...{ region: this.region, secrets: this.secretNames, logGroups: this.logGroupNames },
      buckets: this.all("aws_s3_bucket").map(({ bucket }) => this.known(String(bucket))),
      objects: this.all("aws_s3_object").map((it) => ({
        bucket: this.known(String(it.bucket)),
        key: String(it.key),
        base64: String(it.content_base64),
      })),
    });
  }

  /** The user data of a group. */
  userData(group: string): Buffer {
    return Buffer.from(this.template(group).user_data, "base64");
  }

  /** What the role of a group may do. */
  policy(group: string, arns: Readonly<Record<string, string>>): readonly Statement[] {
    const attached = this.all("aws_iam_role_policy").find(({ role }) => this.roleOf(String(role)) === group);
    return (JSON.parse(this.known(String(attached?.policy), arns)) as { Statement: readonly Statement[] }).Statement;
  }

  /** The groups of machines that have a security group, by a reference to it. */
  groupsIn(securityGroup: string): string[] {
    const templates = this.all("aws_launch_template") as unknown as Template[];
    return templates
      .filter(({ network_interfaces: [{ security_groups: groups }] }) => groups.includes(securityGroup))
      .map(({ name }) => name);
  }

  /** The load balancers that have a security group, by a reference to it. */
  balancersIn(securityGroup: string): string[] {
    return this.all("aws_lb").flatMap(({ name, security_groups: groups }) =>
      (groups as readonly string[]).includes(securityGroup) ? String(name) : [],
    );
  }

  /** A machine as a group would launch it, on an image with all packages. It is not switched on. */
  async launch(
    account: TestAwsAccount,
    group: string,
    address: string,
    image: MachineImage,
    userData = this.template(group).user_data,
  ): Promise<CloudMachine> {
    const tags = this.tags(group);
    const id = await account.run(address, tags);
    const machine = await CloudMachine.create({
      ...{ id, address, image, hasMirror: false, authorities: account.authority },
      metadata: {
        "instance-id": id,
        "local-ipv4": address,
        "placement/region": this.region,
        "placement/availability-zone": `${this.region}a`,
        [`iam/security-credentials/${group}`]: credentialsOf(group),
        "tags/instance/aws:autoscaling:groupName": group,
        "autoscaling/target-lifecycle-state": "InService",
      },
    });
    await machine.launch({ userData, assets: [], tags });
    await machine.connect(account.pid, id.slice(0, 15));
    await machine.prepare("sh", "-c", 'echo "$1" >> /etc/hosts', "sh", account.hostsFile);
    await addPrograms(machine);
    return machine;
  }

  /** What EC2 tells an instance of a group about itself. */
  private tags(group: string): Record<string, string> {
    const specifications = this.template(group).tag_specifications;
    const { tags = {} } = specifications.find((it) => it.resource_type === "instance") ?? {};
    return Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, this.known(value)]));
  }

  private template(group: string): Template {
    return this.all("aws_launch_template").find(({ name }) => name === group) as Block & Template;
  }

  private roleOf(reference: string): string | undefined {
    const [, id = ""] = /^\$\{aws_iam_role\.([\w-]+)\.name\}$/.exec(reference) ?? [];
    return this.stack.resource.aws_iam_role?.[id].name;
  }
}

const credentialsOf = (role: string) =>
  JSON.stringify({
    Code: "Success",
    Type: "AWS-HMAC",
    LastUpdated: new Date().toISOString(),
    AccessKeyId: accessKeyOf(role),
    SecretAccessKey: "of-the-role",
    Token: "of-the-role",
    Expiration: new Date(Date.now() + 6 * HOUR).toISOString(),
  });

/**
 * Adds this machine's engines to the image, each with the note of the version that user data asks for. The lab's Consul is an older patch release;
 * everything else has the version of its note.
 */
async function addPrograms(machine: CloudMachine): Promise<void> {
  const { consul, nomad, cni } = machine.engines;
  const script = `
    mkdir -p /usr/local/bin /opt/cni/bin /var/lib/meshform/packages
    for program in consul nomad; do
      touch "/usr/local/bin/$program"
      mount --bind "$1" "/usr/local/bin/$program"
      shift
    done
    cp -rL "$1"/. /opt/cni/bin
    shift
    for name in consul nomad cni-plugins; do echo "$1" > "/var/lib/meshform/packages/$name"; shift; done
    for unit in multi-user.target.wants/docker.service multi-user.target.wants/containerd.service sockets.target.wants/docker.socket; do
      mkdir -p "/etc/systemd/system/\${unit%/*}"
      ln -s "/lib/systemd/system/\${unit#*/}" "/etc/systemd/system/$unit"
    done
    # An overlay file system cannot lie on another one.
    mkdir -p /mnt/docker /var/lib/docker
    mount --bind /mnt/docker /var/lib/docker`;
  const versions = [DEFAULT_VERSIONS.consul, DEFAULT_VERSIONS.nomad, DEFAULT_VERSIONS.cni];
  await machine.prepare("sh", "-ec", script, "sh", consul.path, nomad.path, cni.path, ...versions);
}
