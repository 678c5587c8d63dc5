import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { S3BucketPublicAccessBlock } from "@cdktf/provider-aws/lib/s3-bucket-public-access-block";
import { S3BucketServerSideEncryptionConfigurationA } from "@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration";
import { SecretsmanagerSecret } from "@cdktf/provider-aws/lib/secretsmanager-secret";
import { Testing, type App } from "cdktf";
import { AwsCluster, Network } from "../../constructs/aws";
import { TOOLS_FOLDER } from "../../lab/machine/engines/catalogue";
import { AwsTestStack } from "../support/aws";
import { AWS_PRESETS, AWS_STACKS, synthesizeAwsPresets } from "../support/aws-presets";
import { ensurePythonTools } from "../support/python-tools";

interface Finding {
  readonly check_id: string;
  readonly check_name: string;
  readonly file_path: string;
  /** `<type>.<name>`; of what some checks look at, `<resource or data>.<name>`. */
  readonly resource: string;
}

interface Report {
  readonly results: { readonly passed_checks: readonly Finding[]; readonly failed_checks: readonly Finding[] };
  readonly summary: { readonly parsing_errors: number };
}

/** What checkov finds and is left as it is, by the paths of the constructs. */
const exceptions = JSON.parse(readFileSync(join(TOOLS_FOLDER, "checkov/exceptions.json"), "utf8")) as readonly {
  readonly check: string;
  readonly constructs: readonly string[];
  readonly reason: string;
}[];

const SPOILT = "spoilt";

const folder = mkdtempSync(join(tmpdir(), "meshform-checkov-"));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe("checkov", () => {
  let report: Report;
  let spoilt: readonly Finding[];

  beforeAll(async () => {
    const programs = await ensurePythonTools({
      ...{ name: "checkov", distribution: "checkov", version: "3.3.30" },
      // Most of it is never used here.
      compiled: false,
    });
    synthesizeAwsPresets(folder);
    spoiltApp(join(folder, SPOILT)).synth();
    const { stdout } = await promisify(execFile)(
      join(programs, "python3"),
      [
        ...["-m", "checkov.main"],
        ...["-d", folder, "--framework", "terraform_json", "--skip-download"],
        // It ends with 0 all the same: what failed is looked at here.
        ...["--soft-fail", "--output", "json"],
      ],
      { maxBuffer: 64 * 2 ** 20, timeout: 5 * 60_000 },
    );
    const whole = JSON.parse(stdout) as Report;
    const { passed_checks, failed_checks } = whole.results;
    const isSpoilt = ({ file_path }: Finding) => file_path.startsWith(`/${SPOILT}/`);
    const sound = (findings: readonly Finding[]) => findings.filter((it) => !isSpoilt(it));
    report = {
      ...whole,
      results: { passed_checks: sound(passed_checks), failed_checks: sound(failed_checks) },
    };
    spoilt = failed_checks.filter(isSpoilt);
  }, 20 * 60_000);

  test("has read every stack, and passed hundreds of checks", () => {
    const { passed_checks, failed_checks } = report.results;
    expect(report.summary.parsing_errors).toBe(0);
    expect(new Set([...passed_checks, ...failed_checks].map(({ file_path }) => file_path))).toEqual(
      new Set(AWS_PRESETS.flatMap((preset) => AWS_STACKS.map((stack) => `/${preset}/stacks/${stack}/cdk.tf.json`))),
    );
    expect(passed_checks.length).toBeGreaterThan(400);
  });

  test("finds only what is excepted with a reason, and no exception is stale", () => {
    const found = report.results.failed_checks.map((it) => `${it.check_id} ${constructOf(it)}: ${it.check_name}`);
    const excepted = exceptions.flatMap(({ check, constructs }) => constructs.map((path) => `${check} ${path}: `));
    expect(found.filter((it) => !excepted.some((start) => it.startsWith(start)))).toEqual([]);
    expect(excepted.filter((start) => !found.some((it) => it.startsWith(start)))).toEqual([]);
  });

  // Of everything else that may be wrong, the checks of this library tell.
  test.each([
    ["a secret", "CKV_AWS_149", "spoilt/prod/secrets/cluster"],
    ["a bucket", "CKV_AWS_145", "spoilt/prod/snapshots/bucket"],
    ["a bucket that anyone may open to the public", "CKV2_AWS_6", "spoilt/prod/snapshots/bucket"],
  ])("tells when %s is not protected", (_, check, construct) => {
    expect(spoilt.map((it) => `${it.check_id} ${constructOf(it)}`)).toContain(`${check} ${construct}`);
  });

  test("is given a reason for each exception", () => {
    for (const { reason } of exceptions) expect(reason).toMatch(/^[A-Z].{20,}\.$/);
  });
});

/** An app whose secrets and snapshots are not encrypted with a key, and whose buckets may become public. */
function spoiltApp(outdir: string): App {
  const app = Testing.app({ outdir });
  const stack = new AwsTestStack(app, SPOILT);
  const network = Network.fromIds(stack, "net", { vpcId: "vpc-1", privateSubnetIds: ["subnet-1"] });
  new AwsCluster(stack, "prod", { network, serverCount: 1 });
  for (const node of stack.node.findAll()) {
    if (node instanceof SecretsmanagerSecret) node.resetKmsKeyId();
    if (node instanceof S3BucketServerSideEncryptionConfigurationA || node instanceof S3BucketPublicAccessBlock) {
      node.node.scope?.node.tryRemoveChild(node.node.id);
    }
  }
  return app;
}

/** The path of the construct that has become a resource. */
function constructOf({ file_path, resource }: Finding): string {
  const name = resource.slice(resource.indexOf(".") + 1);
  const { resource: resources = {}, data = {} } = JSON.parse(readFileSync(join(folder, file_path), "utf8")) as Partial<
    Record<"resource" | "data", Record<string, Record<string, { "//"?: { metadata?: { path?: string } } }>>>
  >;
  const found = [...Object.values(resources), ...Object.values(data)].flatMap((it) => (name in it ? [it[name]] : []));
  const path = found.at(0)?.["//"]?.metadata?.path;
  if (path === undefined) throw new Error(`${file_path} has no ${resource}.`);
  return path;
}
