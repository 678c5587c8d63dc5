import { AWS_OPTION_CASES } from "../support/aws-option-cases";
import { OPTION_CASES, type OptionCase } from "../support/option-cases";

type Fields = Readonly<Record<string, unknown>>;

/** What a program in plain JavaScript can give, by kind. */
const VALUES: Readonly<Record<string, unknown>> = {
  null: null,
  number: 5,
  text: "x",
  flag: true,
  list: [],
  object: {},
  function: () => undefined,
};

/** Kinds of values that are right beside that of the example, by the name of the option. */
const ALSO_RIGHT: Readonly<Record<string, readonly string[] | undefined>> = {
  // A list of any number.
  healthCheck: ["list"],
  match: ["list"],
  // Any scalar.
  body: ["number", "flag"],
  attribute: ["number", "flag"],
  // A label or a number.
  port: ["number", "text"],
  // An object or a name.
  header: ["text"],
  defaultSubset: ["object"],
  "artifacts[0]": ["text"],
  // One for all subsets, or one for each.
  failover: ["object"],
  // Everything, or these alone.
  services: ["flag"],
  nodes: ["flag"],
  // A function or an object.
  rules: ["function"],
  service: ["text"],
  // How many, or which.
  zones: ["list"],
  // A number, or from where to where.
  size: ["object"],
};

function kindOf(value: unknown): string {
  if (Array.isArray(value)) {
    return "list";
  }
  const kinds: Readonly<Record<string, string>> = { string: "text", boolean: "flag" };
  return isPlain(value) ? "object" : (kinds[typeof value] ?? (typeof value === "object" ? "made" : typeof value));
}

function isPlain(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** What is reported of an option of the wrong kind; `undefined` where its message names it. */
function complaint({ make }: OptionCase, options: unknown, name: string): string | undefined {
  try {
    make(options as never);
  } catch (error) {
    const isNamed = error instanceof Error && error.message.includes(name) && error.constructor.name !== "TypeError";
    return isNamed ? undefined : `${String(error)} (${name})`;
  }
  return `nothing (${name})`;
}

/** Options with one wrong value, at any depth. */
function* wrongOptions(options: Fields): Iterable<{ readonly name: string; readonly wrong: Fields }> {
  for (const [name, right] of Object.entries(options)) {
    const kind = kindOf(right);
    for (const [wrongKind, value] of Object.entries(VALUES)) {
      if (wrongKind !== kind && !(ALSO_RIGHT[name] ?? []).includes(wrongKind)) {
        yield { name, wrong: { ...options, [name]: value } };
      }
    }
    // What has functions is no options but something to call, such as a platform.
    if (isPlain(right) && !Object.values(right).some((it) => typeof it === "function")) {
      for (const below of wrongOptions(right)) {
        yield { name: below.name, wrong: { ...options, [name]: below.wrong } };
      }
    }
    if (Array.isArray(right)) {
      for (const below of wrongOptions({ [`${name}[0]`]: right[0] as unknown })) {
        yield { name: below.name, wrong: { ...options, [name]: Object.values(below.wrong) } };
      }
    }
  }
}

describe.each([...OPTION_CASES, ...AWS_OPTION_CASES].map((each) => [each.name, each] as const))("%s", (_, each) => {
  test("refuses an option of any wrong kind by its name", () => {
    const said = [...wrongOptions(each.options)].map(({ name, wrong }) => complaint(each, wrong, name));
    expect(said.filter((it) => it !== undefined)).toEqual([]);
  });

  test("refuses an option that there is not, with the one that was meant", () => {
    const said = Object.entries(each.options).map(([name, value]) => {
      const misspelled = `${name}z`;
      const options = { ...each.options, [misspelled]: value };
      return complaint(each, options, `${misspelled} is set; it is not a known property. Did you mean "`);
    });
    expect(said.filter((it) => it !== undefined)).toEqual([]);
  });

  test("refuses what are no options", () => {
    const said = Object.entries(VALUES)
      .filter(([kind]) => kind !== "object")
      .map(
        ([kind, value]) =>
          complaint(each, value, "object") && complaint(each, value, kind === "null" ? "is not set" : kind),
      );
    expect(said.filter((it) => it !== undefined)).toEqual([]);
  });
});
