import { TerraformStack, TerraformVariable, Testing } from "cdktf";
import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { toTerraformJson } from "../../constructs/core/terraform-json";
import { evaluate, parseTemplate } from "../../lab/apply/expression";
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

test("keys that only Terraform knows are written by it, as text", () => {
  const { stack, text, number } = stackWithVariables();
  const value = { [text.stringValue]: "${NOMAD_X}", [`n-${number.value}`]: 1, plain: { [text.stringValue]: true } };
  expect(synthesized(stack, value)).toBe(
    '{${jsonencode(join("", [var.text]))}:"$${NOMAD_X}",${jsonencode(join("", [join("", ["n-", var.number])]))}:1,' +
      '"plain":{${jsonencode(join("", [var.text]))}:true}}',
  );
});

test("backslashes and control characters next to a token are quoted as HCL does it", () => {
  const { stack, text } = stackWithVariables();
  const rendered = synthesized(stack, { path: `C:\\bin\b\f\t\n "${text.stringValue}"` });
  expect(rendered).toBe('{"path":${jsonencode(join("", ["C:\\\\bin\\u0008\\u000c\\t\\n \\"", var.text, "\\""]))}}');
  expect(JSON.parse(String(evaluate(parseTemplate(rendered), () => "x")))).toEqual({ path: 'C:\\bin\b\f\t\n "x"' });
});
