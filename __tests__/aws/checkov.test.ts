import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Testing } from "cdktf";
import { TOOLS_FOLDER } from "../../lab/machine/engines/catalogue";
import { addAwsStacks } from "../../stacks/aws";
import { withDefaults } from "../../stacks/aws/settings";
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

const PRESETS = ["dev", "production"] as const;
const STACKS = ["aws-cluster", "aws-edge", "aws-network", "aws-state"];

const folder = mkdtempSync(join(tmpdir(), "meshform-checkov-"));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe("checkov", () => {
  let report: Report;

  beforeAll(async () => {
    const programs = await ensurePythonTools({
      ...{ name: "checkov", distribution: "checkov", version: "3.3.30" },
      // Most of it is never used here.
      compiled: false,
    });
    for (const preset of PRESETS) {
      const app = Testing.app({ outdir: join(folder, preset) });
      const settings = {
        ...{ region: "eu-central-1", preset, stateBucket: "example-state", createStateBucket: true },
        ...{ uiDomain: "mesh.example", zoneId: "Z1" },
      };
      const { cluster } = addAwsStacks(app, withDefaults(settings));
      cluster.cluster.publish(
        { serviceName: "gateway", listeners: [{ protocol: "http", options: { port: 8080 } }] },
        { internetFacing: true, domain: { name: "shop.example", zoneId: "Z1" } },
      );
      app.synth();
    }
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
    report = JSON.parse(stdout) as Report;
  }, 20 * 60_000);

  test("has read every stack, and passed hundreds of checks", () => {
    const { passed_checks, failed_checks } = report.results;
    expect(report.summary.parsing_errors).toBe(0);
    expect(new Set([...passed_checks, ...failed_checks].map(({ file_path }) => file_path))).toEqual(
      new Set(PRESETS.flatMap((preset) => STACKS.map((stack) => `/${preset}/stacks/${stack}/cdk.tf.json`))),
    );
    expect(passed_checks.length).toBeGreaterThan(400);
  });

  test("finds only what is excepted with a reason, and no exception is stale", () => {
    const found = report.results.failed_checks.map((it) => `${it.check_id} ${constructOf(it)}: ${it.check_name}`);
    const excepted = exceptions.flatMap(({ check, constructs }) => constructs.map((path) => `${check} ${path}: `));
    expect(found.filter((it) => !excepted.some((start) => it.startsWith(start)))).toEqual([]);
    expect(excepted.filter((start) => !found.some((it) => it.startsWith(start)))).toEqual([]);
  });

  test("is given a reason for each exception", () => {
    for (const { reason } of exceptions) expect(reason).toMatch(/^[A-Z].{20,}\.$/);
  });
});

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
