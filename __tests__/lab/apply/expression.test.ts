import { evaluate, parseTemplate, type Reference, referencesOf } from "../../../lab/apply/expression";

const values: Readonly<Record<string, unknown>> = {
  "var.count": 3,
  "var.map": { a: "z" },
  "var.name": 'a "quoted" name',
  "consul_acl_policy.read-only.id": "1234",
  "consul_acl_role.web.policies": ["one", "two"],
};

function yielded(template: string): unknown {
  return evaluate(parseTemplate(template), ({ path }: Reference) => values[path.join(".")]);
}

describe("a Terraform template", () => {
  test.each([
    ["", ""],
    ["plain $ and % and { and }", "plain $ and % and { and }"],
    ["$${NOMAD_ALLOC_ID}", "${NOMAD_ALLOC_ID}"],
    ["%%{literal}", "%{literal}"],
    ["$$${twice}", "$${twice}"],
    ["a ${consul_acl_policy.read-only.id} b", "a 1234 b"],
    ["${ var.count } and ${var.count}", "3 and 3"],
    ['{"Id":${jsonencode(consul_acl_policy.read-only.id)}}', '{"Id":"1234"}'],
    ["${jsonencode(var.name)}", '"a \\"quoted\\" name"'],
    ["${jsonencode(consul_acl_role.web.policies)}", '["one","two"]'],
    ['${jsonencode("id ${consul_acl_policy.read-only.id}\\n$${x}")}', '"id 1234\\n${x}"'],
    ['${jsonencode(join("", ["pre ", var.name, " \\"q\\" \\u00e9"]))}', '"pre a \\"quoted\\" name \\"q\\" é"'],
    ['${join(", ", consul_acl_role.web.policies)}', "one, two"],
    [
      '${jsonencode(merge({"a" = "x$${y}", "b c" = 1, "d" = [true, null]}, var.map, {}))}',
      '{"a":"z","b c":1,"d":[true,null]}',
    ],
    [
      '${jsonencode(zipmap([var.name, "${var.count}"], ["v", {"e" = 1.5e3}]))}',
      '{"3":{"e":1500},"a \\"quoted\\" name":"v"}',
    ],
    ["${((var.count * 1000000000) / 1000000)}ms", "3000ms"],
  ])("%j yields %j", (template, expected) => {
    expect(yielded(template)).toBe(expected);
  });

  test("that is one reference keeps the type of what it refers to", () => {
    expect(yielded("${consul_acl_role.web.policies}")).toEqual(["one", "two"]);
    expect(yielded("${var.count}")).toBe(3);
  });

  test("tells what it refers to, inside functions and strings too", () => {
    const template = '${a.b.c} ${jsonencode(join("", ["x", d.e.f, "${g.h.i}"]))} $${no.not.this}';
    expect(referencesOf(parseTemplate(template)).map(({ path }) => path.join("."))).toEqual([
      "a.b.c",
      "d.e.f",
      "g.h.i",
    ]);
  });

  test.each([
    ['${file("secret")}', 'the expression `${file("secret")}` is not understood'],
    ["${a.b[0].c}", "the expression `${a.b[0].c}` is not understood"],
    ["x %{ if true }y%{ endif }", "the expression `%{ if true }y%{ endif }` is not understood"],
    ["${1 + 2}", "the expression `${1 + 2}` is not understood"],
    ["${a.b.c", "the expression `${a.b.c` is not understood"],
    ["${name}", "the expression `${name}` is not understood"],
  ])("%j is refused with the expression quoted", (template, message) => {
    expect(() => parseTemplate(template)).toThrow(message);
  });

  test("fails where a list would have to become text", () => {
    expect(() => yielded("x ${consul_acl_role.web.policies}")).toThrow(
      '["one","two"] is used where a string is needed',
    );
    expect(() => yielded('${join("", var.name)}')).toThrow("is used where a list is needed");
  });
});
