import { checkVersions, DEFAULT_VERSIONS } from "../../constructs/linux/versions";

test("the default versions belong together", () => {
  expect(checkVersions(DEFAULT_VERSIONS)).toEqual([]);
});

test("a version that is not known is not judged", () => {
  expect(checkVersions({ consul: "1.20.0" })).toEqual([]);
});

describe("versions that do not belong together", () => {
  test.each([
    [
      { consul: "1.20.4", envoy: "1.38.3" },
      "Consul 1.20.4 is not known to work with Envoy 1.38.3, but with 1.30, 1.31, 1.32, 1.33.",
    ],
    [
      { nomad: "1.11.3+ent", consul: "1.18.0" },
      "Nomad 1.11.3+ent is not known to work with Consul 1.18.0, but with 1.19, 1.20, 1.21, 1.22.",
    ],
    [
      { consul: "1.25.0-dev", envoy: "1.40.0" },
      "Consul 1.25.0-dev is outside the lines that are known here (1.22, 1.21, 1.20, 1.19).",
    ],
    [
      { consul: "1.21.0", consulCni: "1.9.0" },
      "Consul 1.21.0 is not known to work with consul-cni 1.9.0, but with 1.7, 1.8.",
    ],
    [
      { cni: "1.1.1" },
      "cni 1.1.1 should be avoided: Nomad needs 1.2.0 to restore the networks of its allocations after a reboot. Use 1.2.0 or newer.",
    ],
    [{ nomad: "1.9.2" }, "nomad 1.9.2 should be avoided: restoring a snapshot can lose state. Use 1.9.3 or newer."],
    [
      { nomad: "1.8.4" },
      "nomad 1.8.4 should be avoided: its raw_exec driver has no work_dir, for Envoy. Use 1.9.3 or newer.",
    ],
    [
      { consul: "1.16.1" },
      "consul 1.16.1 should be avoided: restoring a snapshot corrupts endpoints. Use 1.16.2 or newer.",
    ],
  ])("%j is warned about", (versions, warning) => {
    expect(checkVersions(versions)).toEqual([warning]);
  });
});
