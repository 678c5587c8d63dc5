import { readSettings } from "../../stacks/settings";
import { testApp } from "../support/test-app";

const settingsWith = (context: Record<string, string>) => readSettings(testApp({ context }));

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

test("the clusters are secure where the context or the environment says so", () => {
  expect(settingsWith({ secure: "false" }).secure).toBeUndefined();
  expect(settingsWith({ secure: "true" }).secure).toBe(true);
  process.env.MESHFORM_SECURE = "true";
  expect(settingsWith({}).secure).toBe(true);
});

test("access rules are the app's where the context or the environment says so", () => {
  expect(settingsWith({}).accessRules).toBeUndefined();
  expect(settingsWith({ accessRules: "true" }).accessRules).toBe(true);
  process.env.MESHFORM_ACCESS_RULES = "true";
  expect(settingsWith({}).accessRules).toBe(true);
});

test("an unknown runtime is refused with the known ones", () => {
  expect(() => settingsWith({ runtime: "podman" })).toThrow(
    'the app: The runtime "podman" is none. Set MESHFORM_RUNTIME to "docker" or "exec".',
  );
});
