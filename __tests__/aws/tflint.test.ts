import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AWS_PRESETS, AWS_STACKS, synthesizeAwsPresets } from "../support/aws-presets";
import { ensureGoTool } from "../support/go-tools";
import { run } from "../support/lab";

const folder = mkdtempSync(join(tmpdir(), "meshform-tflint-"));
const config = join(folder, "tflint.hcl");

let tflint: string;

beforeAll(async () => {
  tflint = await ensureGoTool({ name: "tflint", version: "0.64.0" });
  // These rules are part of the program. Those for AWS are a plugin of their own.
  writeFileSync(config, 'plugin "terraform" {\n  enabled = true\n  preset = "recommended"\n}\n');
  synthesizeAwsPresets(folder);
}, 20 * 60_000);

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What tflint says of a stack. */
async function issuesOf(
  preset: string,
  stack: string,
): Promise<readonly { readonly rule: { readonly name: string } }[]> {
  const place = join(folder, preset, "stacks", stack);
  const { output } = await run(tflint, [`--chdir=${place}`, `--config=${config}`, "--format=json"], {
    timeoutMs: 60_000,
  });
  const { issues, errors } = JSON.parse(output) as { issues: { rule: { name: string } }[]; errors: unknown[] };
  expect(errors).toEqual([]);
  return issues;
}

test.each(AWS_PRESETS.flatMap((preset) => AWS_STACKS.map((stack) => [preset, stack])))(
  "tflint finds nothing in %s: %s",
  async (preset, stack) => {
    expect(await issuesOf(preset, stack)).toEqual([]);
  },
  60_000,
);

test("tflint finds what is missing where it is missing", async () => {
  rmSync(join(folder, "dev/stacks/aws-network/versions.tf"));
  expect(await issuesOf("dev", "aws-network")).toMatchObject([{ rule: { name: "terraform_required_version" } }]);
}, 60_000);
