import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { certificates } from "./cloud-machine";
import { ensureMoto, type Moto, startMoto } from "./moto";

/** Where APIs answer; S3 has an address of its own, as its prefix list has. */
export const API_ADDRESS = "10.99.0.1";
export const S3_ADDRESS = "10.99.0.2";
/** From where a load balancer connects to machines. */
export const BALANCER_ADDRESS = "10.99.0.3";
export const ACCOUNT = "123456789012";

/** What there is in an account before its machines boot. */
export interface AccountContents {
  readonly region: string;
  readonly buckets: readonly string[];
  readonly objects: readonly { readonly bucket: string; readonly key: string; readonly base64: string }[];
  readonly secrets: readonly string[];
  readonly logGroups: readonly string[];
}

/** A call of a machine. */
export interface AwsCall {
  /** The role, as its access key names it. */
  readonly role: string;
  /** As policies name it, e.g. `s3:GetObject`. */
  readonly action: string;
  /** `<bucket>/<key>`, `<bucket>`, `<log group>:log-stream:<stream>`, the name of a secret or of a group; "*" for a call that names nothing. */
  readonly on: string;
  /** The instance that a lifecycle action is about. */
  readonly instance?: string;
  /** The result of a lifecycle action. */
  readonly result?: string;
  readonly status: number;
}

/**
 * An AWS account on this machine: moto behind the names of AWS's own endpoints, by HTTPS, in a network in which machines can be. Moto knows no
 * lifecycle actions; they are answered here.
 */
export class TestAwsAccount {
  /** All calls of machines so far. */
  readonly calls: AwsCall[] = [];

  private constructor(
    private readonly folder: string,
    private readonly moto: Moto,
    private readonly region: string,
    private readonly buckets: readonly string[],
  ) {}

  private recorder!: Server;
  private front!: ChildProcess;

  static async start(contents: AccountContents): Promise<TestAwsAccount> {
    const { region, buckets } = contents;
    const folder = mkdtempSync(join(tmpdir(), "meshform-account-"));
    const { consul } = await ensureEngines();
    const account = new TestAwsAccount(folder, await startMoto(), region, buckets);
    await certificates(
      consul.path,
      folder,
      Object.values(account.names)
        .flat()
        .flatMap((name) => ["-additional-dnsname", name]),
    );
    await account.python(FILL, contents);
    await account.listen();
    return account;
  }

  /** Names of AWS that machines ask, by address. Nomad asks EC2's dual-stack endpoint. */
  private get names(): Readonly<Record<string, readonly string[]>> {
    const at = (service: string) => `${service}.${this.region}.amazonaws.com`;
    return {
      [API_ADDRESS]: [
        ...["secretsmanager", "ec2", "autoscaling", "logs", "monitoring"].map(at),
        `ec2.${this.region}.api.aws`,
      ],
      [S3_ADDRESS]: [at("s3"), ...this.buckets.map((bucket) => at(`${bucket}.s3`))],
    };
  }

  /** Lines of /etc/hosts, instead of DNS. */
  get hostsFile(): string {
    return Object.entries(this.names)
      .flatMap(([address, names]) => names.map((name) => `${address} ${name}`))
      .join("\n");
  }

  /** PEM of the authority that signs for AWS's names. */
  get authority(): string {
    return readFileSync(join(this.folder, "ca.pem"), "utf8");
  }

  /** The process whose network has the bridge of the machines. */
  get pid(): number {
    return this.front.pid ?? 0;
  }

  /** Runs an instance with an address and tags, as far as EC2 is concerned. @returns its id */
  async run(address: string, tags: Readonly<Record<string, string>>): Promise<string> {
    return this.python(RUN, { region: this.region, address, tags });
  }

  /** Terminates an instance, as far as EC2 is concerned. */
  async terminate(id: string): Promise<void> {
    await this.python(TERMINATE, { region: this.region, id });
  }

  /** The ARN of a secret. */
  async secretArn(name: string): Promise<string> {
    return this.python(ARN, { region: this.region, name });
  }

  /** The value of a secret, as who has all rights reads it. */
  async secret(name: string): Promise<string> {
    return this.python(SECRET, { region: this.region, name });
  }

  /** What machines have sent to a log group, by stream. */
  async logs(group: string): Promise<Readonly<Record<string, string>>> {
    return JSON.parse(await this.python(LOGS, { region: this.region, group })) as Record<string, string>;
  }

  /** What an alarm has looked at in the last ten minutes: the value that it compares, of each period with data. */
  async watchedBy(alarm: MetricAlarm): Promise<readonly number[]> {
    return JSON.parse(await this.python(WATCHED, { region: this.region, ...alarm })) as number[];
  }

  /** Asks a machine as a load balancer does. @returns the body of the answer */
  async fromLoadBalancer(url: string): Promise<string> {
    const curl = ["curl", "--silent", "--fail", "--max-time", "5", "--interface", BALANCER_ADDRESS, url];
    return (await promisify(execFile)("nsenter", ["--target", String(this.pid), "--net", ...curl])).stdout;
  }

  async stop(): Promise<void> {
    const ended = once(this.front, "exit");
    this.front.kill();
    await ended;
    this.recorder.closeAllConnections();
    this.recorder.close();
    await this.moto.stop();
    rmSync(this.folder, { recursive: true });
  }

  private async listen(): Promise<void> {
    const socket = join(this.folder, "moto.sock");
    this.recorder = createServer((incoming, outgoing) => void this.pass(incoming, outgoing)).listen(socket);
    copyFileSync(join(__dirname, "aws-front.mjs"), join(this.folder, "aws-front.mjs"));
    const network = `ip link set lo up; ip link add br0 type bridge; ip link set br0 up
      for address in ${API_ADDRESS} ${S3_ADDRESS} ${BALANCER_ADDRESS}; do ip address add "$address/24" dev br0; done; exec "$@"`;
    const files = ["server.pem", "server-key.pem"].map((file) => join(this.folder, file));
    const program = join(this.folder, "aws-front.mjs");
    const front = [process.execPath, program, socket, ...files, API_ADDRESS, S3_ADDRESS];
    this.front = spawn("unshare", ["--net", "sh", "-ec", network, "sh", ...front], { stdio: "inherit" });
    await once(this.recorder, "listening");
  }

  private async pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const call = callOf(incoming, body.toString("latin1"));
    const { action } = call;
    const answer = (status: number) => {
      // A request without a signature is none of a role.
      if (call.role !== "") this.calls.push({ ...call, status });
    };
    if (action === "autoscaling:CompleteLifecycleAction") {
      answer(200);
      const name = "CompleteLifecycleAction";
      outgoing.writeHead(200, { "Content-Type": "text/xml" });
      outgoing.end(
        `<${name}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><${name}Result/></${name}Response>`,
      );
      return;
    }
    const { url = "/", method, headers } = incoming;
    const passed = Object.fromEntries(
      Object.entries(headers).filter(([name]) => !["transfer-encoding", "expect"].includes(name)),
    );
    const onward = request(
      new URL(url, this.moto.endpoint),
      { method, headers: { ...passed, "content-length": body.length } },
      (response) => {
        answer(response.statusCode ?? 0);
        outgoing.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(outgoing);
      },
    );
    onward.on("error", () => outgoing.destroy());
    onward.end(body);
  }

  private async python(program: string, input: unknown): Promise<string> {
    const environment = await ensureMoto();
    const path = environment.PATH.split(":")[0];
    const running = promisify(execFile)(join(path, "python3"), ["-c", `${PRELUDE}${program}`, this.moto.endpoint], {
      env: { ...process.env, ...environment },
      maxBuffer: 2 ** 28,
    });
    running.child.stdin?.end(JSON.stringify(input));
    const { stdout } = await running;
    return stdout.trim();
  }
}

/** An alarm, as Terraform has it. */
export interface MetricAlarm {
  readonly alarm_name: string;
  readonly namespace: string;
  readonly metric_name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly statistic: "Minimum" | "Maximum";
  readonly period: number;
  readonly comparison_operator: "LessThanThreshold" | "GreaterThanThreshold";
  readonly threshold: number;
}

/** The access key of a role. It tells whose call it is. */
export const accessKeyOf = (role: string) => `ASIA${Buffer.from(role).toString("hex").toUpperCase()}`;

function callOf({ url = "/", method = "GET", headers }: IncomingMessage, body: string): Omit<AwsCall, "status"> {
  const [, key = "", name = ""] =
    /Credential=ASIA([0-9A-F]+)\/\d+\/[\w-]+\/(\w+)\//.exec(headers.authorization ?? "") ?? [];
  // Policies call it otherwise than requests do.
  const service = name === "monitoring" ? "cloudwatch" : name;
  const role = Buffer.from(key, "hex").toString();
  const target = headers["x-amz-target"];
  if (typeof target === "string") {
    const given = JSON.parse(body) as Readonly<
      Record<"SecretId" | "logGroupName" | "logStreamName", string | undefined>
    >;
    const { SecretId = "*", logGroupName, logStreamName } = given;
    const on = logGroupName === undefined ? SecretId : `${logGroupName}:log-stream:${logStreamName}`;
    return { role, action: target.replace(/^.*\./, `${service}:`), on };
  }
  if (service !== "s3") {
    const form = new URLSearchParams(body);
    const [on = "*", instance, result] = ["AutoScalingGroupName", "InstanceId", "LifecycleActionResult"].map(
      (name) => form.get(name) ?? undefined,
    );
    return { role, action: `${service}:${form.get("Action") ?? "?"}`, on, instance, result };
  }
  const [bucket = ""] = (headers.host ?? "").split(".s3.");
  const path = decodeURIComponent(new URL(url, "http://s3").pathname);
  const verb = { GET: "Get", HEAD: "Get", PUT: "Put", DELETE: "Delete" }[method] ?? method;
  return path === "/"
    ? { role, action: "s3:ListBucket", on: bucket }
    : { role, action: `s3:${verb}Object`, on: `${bucket}${path}` };
}

const PRELUDE = `
import base64, boto3, json, sys, uuid
endpoint, given = sys.argv[1], json.load(sys.stdin)
def client(service):
    return boto3.client(service, region_name=given["region"], endpoint_url=endpoint)
`;

const FILL = `
s3, secrets = client("s3"), client("secretsmanager")
for bucket in given["buckets"]:
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": given["region"]})
for it in given["objects"]:
    s3.put_object(Bucket=it["bucket"], Key=it["key"], Body=base64.b64decode(it["base64"]))
for name in given["secrets"]:
    secrets.create_secret(Name=name, ClientRequestToken=str(uuid.uuid4()))
for group in given["logGroups"]:
    client("logs").create_log_group(logGroupName=group)
ec2 = client("ec2")
vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.0.0/24")
`;

const RUN = `
ec2 = client("ec2")
[subnet] = ec2.describe_subnets(Filters=[{"Name": "cidr-block", "Values": ["10.99.0.0/24"]}])["Subnets"]
[instance] = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet["SubnetId"],
    PrivateIpAddress=given["address"],
    TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in given["tags"].items()]}])["Instances"]
print(instance["InstanceId"])
`;

const TERMINATE = `client("ec2").terminate_instances(InstanceIds=[given["id"]])`;

const SECRET = `print(client("secretsmanager").get_secret_value(SecretId=given["name"])["SecretString"])`;

const ARN = `print(client("secretsmanager").describe_secret(SecretId=given["name"])["ARN"])`;

const WATCHED = `
import datetime
now, minutes = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(minutes=10)
dimensions = [{"Name": name, "Value": value} for name, value in given["dimensions"].items()]
points = client("cloudwatch").get_metric_statistics(Namespace=given["namespace"], MetricName=given["metric_name"], Dimensions=dimensions,
    StartTime=now - minutes, EndTime=now + minutes, Period=given["period"], Statistics=[given["statistic"]])["Datapoints"]
print(json.dumps([point[given["statistic"]] for point in sorted(points, key=lambda it: it["Timestamp"])]))
`;

const LOGS = `
logs, said = client("logs"), {}
for stream in logs.describe_log_streams(logGroupName=given["group"])["logStreams"]:
    events = logs.get_log_events(logGroupName=given["group"], logStreamName=stream["logStreamName"], startFromHead=True)["events"]
    said[stream["logStreamName"]] = "\\n".join(event["message"] for event in events)
print(json.dumps(said))
`;
