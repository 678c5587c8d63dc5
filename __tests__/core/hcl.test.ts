import { TerraformVariable } from "cdktf";
import { renderHcl } from "../../constructs/core/hcl";
import { TestStack } from "../support/synth";

const stack = new TestStack();

describe("HCL", () => {
  test("has attributes, blocks and blocks in blocks, and leaves out what is undefined", () => {
    expect(
      renderHcl(stack, {
        attributes: { acl: "read", mesh: undefined },
        blocks: [
          { type: "agent", attributes: { policy: "read" } },
          {
            type: "namespace",
            label: "shop",
            attributes: { capabilities: ["list-jobs", "read-job"] },
            blocks: [{ type: "path", label: "a/*", attributes: { capabilities: [] } }],
          },
        ],
      }),
    ).toBe(`acl = "read"
agent {
  policy = "read"
}
namespace "shop" {
  capabilities = ["list-jobs", "read-job"]
  path "a/*" {
    capabilities = []
  }
}
`);
  });

  test.each([
    ['a"b', '"a\\"b"'],
    ["a\\b\n", '"a\\\\b\\n"'],
    ["${a}", '"\\u0024{a}"'],
    ["$a and %{b}", '"$a and %{b}"'],
  ])("says %j as %s", (value, text) => {
    expect(renderHcl(stack, { attributes: { a: value } })).toBe(`a = ${text}\n`);
  });

  test("fails if a value is known only when the stack is applied", () => {
    const variable = new TerraformVariable(stack, "who", { type: "string" });
    expect(() => renderHcl(stack, { blocks: [{ type: "key", label: `${variable.stringValue}/` }] })).toThrow(
      "stack: A rule contains a name that is known only when the stack is applied. Use a literal name. Rules can refer to objects that do not exist yet.",
    );
  });
});
