import { TerraformStack, TerraformVariable, Testing } from "cdktf";
import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { toTerraformJson } from "../../constructs/core/terraform-json";
import { asTerraformYields } from "../support/synth";
import { testApp } from "../support/test-app";

function stackWithVariables() {
  const stack = new TerraformStack(testApp(), "stack");
  return {
    stack,
    text: new TerraformVariable(stack, "text", { type: "string" }),
    number: new TerraformVariable(stack, "number", { type: "number" }),
    list: new TerraformVariable(stack, "list", { type: "list(string)" }),
  };
}

function synthesized(stack: TerraformStack, value: unknown): string {
  new ConfigEntry(stack, "entry", { kind: "k", name: "n", configJson: toTerraformJson(value) });
  const json = JSON.parse(Testing.synth(stack)) as {
    resource: { consul_config_entry: { entry: { config_json: string } } };
  };
  return json.resource.consul_config_entry.entry.config_json;
}

test("Nomad's interpolation is escaped exactly once", () => {
  const { stack } = stackWithVariables();
  expect(synthesized(stack, { a: "${NOMAD_ALLOC_ID}-${attr.cpu.arch}", b: "%{if}", c: "$${already}", d: "100%" })).toBe(
    '{"a":"$${NOMAD_ALLOC_ID}-$${attr.cpu.arch}","b":"%%{if}","c":"$$${already}","d":"100%"}',
  );
});

test("what Terraform yields is the very value, quotes and line ends included", () => {
  const { stack } = stackWithVariables();
  const value = { text: 'a "quoted"\n${NOMAD_X} %{ $${Y} \\ €', list: [1, true, null, "${meta.rack}"] };
  expect(JSON.parse(asTerraformYields(synthesized(stack, value)))).toEqual(value);
});

test("a token of another resource still resolves, alone and within text that Nomad interpolates", () => {
  const { stack, text } = stackWithVariables();
  expect(synthesized(stack, { alone: text.stringValue, within: `\${NOMAD_Y}-${text.stringValue}-"q"%{` })).toBe(
    '{"alone":${jsonencode(var.text)},"within":${jsonencode(join("", ["$${NOMAD_Y}-", var.text, "-\\"q\\"%%{"]))}}',
  );
});

test("tokens of numbers and lists keep their type", () => {
  const { stack, number, list } = stackWithVariables();
  expect(synthesized(stack, { number: number.numberValue, list: list.listValue })).toBe(
    '{"number":${jsonencode(var.number)},"list":${jsonencode(var.list)}}',
  );
});
