import { readSettings } from "../../stacks/settings";
import { testApp } from "../support/test-app";

const settingsWith = (context: Record<string, unknown>) => readSettings(testApp({ context }));

const saved = { ...process.env };

afterEach(() => {
  process.env = { ...saved };
});

test("containers are the default, and no address is written down", () => {
  expect(settingsWith({})).toEqual({ runtime: "docker" });
});

test("the context says how the app fits into a cluster", () => {
  const context = {
    runtime: "exec",
    consulAddress: "http://consul:8500",
    consulDatacenter: "dc2",
    nomadAddress: "http://nomad:4646",
    nomadRegion: "eu",
    nomadNamespace: "shop",
    nomadNodePool: "fast",
  };
  expect(settingsWith(context)).toEqual(context);
});

test("the environment overrules the context", () => {
  process.env.MESHFORM_RUNTIME = "exec";
  process.env.MESHFORM_NOMAD_NODE_POOL = "slow";
  expect(settingsWith({ runtime: "docker", nomadNodePool: "fast" })).toMatchObject({
    runtime: "exec",
    nomadNodePool: "slow",
  });
});

describe.each(["secure", "accessRules"] as const)("%s", (key) => {
  const variable = { secure: "MESHFORM_SECURE", accessRules: "MESHFORM_ACCESS_RULES" }[key];

  test.each([true, "true", "True", "yes", "ON", 1, "1"])("is on where the context says %j", (value) => {
    expect(settingsWith({ [key]: value })[key]).toBe(true);
  });

  test.each([false, "false", "FALSE", "no", "off", 0, "0"])("is off where the context says %j", (value) => {
    expect(settingsWith({ [key]: value })[key]).toBe(false);
  });

  test("is read from the environment, which overrules the context", () => {
    process.env[variable] = "1";
    expect(settingsWith({ [key]: false })[key]).toBe(true);
    process.env[variable] = "off";
    expect(settingsWith({ [key]: true })[key]).toBe(false);
  });

  test.each(["ture", "", "2"])("is refused where the environment says %j", (value) => {
    process.env[variable] = value;
    expect(() => settingsWith({})).toThrow(
      `the app: The setting ${key} is "${value}" (environment variable ${variable}); it must be true or false (also yes, no, on, off, 1, 0). Correct it, or remove it to use the default.`,
    );
  });
});

test("an unknown runtime is refused with the known ones, and where it was given", () => {
  expect(() => settingsWith({ runtime: "podman" })).toThrow(
    'the app: The setting runtime is "podman" (context in cdktf.json); it must be "docker" or "exec". Correct it, or remove it to use the default.',
  );
});

test("a misspelled setting is refused, in the context and in the environment, and what is somebody else's is not", () => {
  const others = {
    excludeStackIdFromLogicalIds: "true",
    allowSepCharsInLogicalIds: "true",
    secondary: 1,
    team: "shop",
  };
  process.env.MESHFORM_OF_MY_OWN = "1";
  expect(settingsWith(others)).toEqual({ runtime: "docker" });
  expect(() => settingsWith({ nomad_namespace: "shop" })).toThrow(
    'Unknown setting "nomad_namespace" (context in cdktf.json). Did you mean "nomadNamespace"?',
  );
  process.env.MESHFORM_SECURED = "true";
  expect(() => settingsWith({})).toThrow(
    "the app: Unknown setting MESHFORM_SECURED (environment). Did you mean MESHFORM_SECURE?",
  );
});

test("all that is wrong is said at once", () => {
  process.env.MESHFORM_NOMAD_NODEPOOL = "fast";
  const context = { runtime: 1, secure: "maybe", consulAddress: "", nomadRegion: ["eu"] };
  expect(() => settingsWith(context)).toThrow(
    [
      "the app: 5 settings are wrong. ",
      "  - Unknown setting MESHFORM_NOMAD_NODEPOOL (environment). Did you mean MESHFORM_NOMAD_NODE_POOL?",
      '  - The setting runtime is 1 (context in cdktf.json); it must be "docker" or "exec".',
      '  - The setting secure is "maybe" (context in cdktf.json); it must be true or false (also yes, no, on, off, 1, 0).',
      '  - The setting consulAddress is "" (context in cdktf.json); it must be an address such as "http://127.0.0.1:8500".',
      '  - The setting nomadRegion is ["eu"] (context in cdktf.json); it must be a name without spaces.',
    ].join("\n"),
  );
});
