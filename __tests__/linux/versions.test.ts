import { checkVersions, DEFAULT_VERSIONS, securityGaps } from "../../constructs";

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
      "Consul 1.20.4 is not known to work with Envoy 1.38.3. It works with 1.30, 1.31, 1.32, 1.33.",
    ],
    [
      { nomad: "1.11.3+ent", consul: "1.18.0" },
      "Nomad 1.11.3+ent is not known to work with Consul 1.18.0. It works with 1.19, 1.20, 1.21, 1.22.",
    ],
    [
      { consul: "1.25.0-dev", envoy: "1.40.0" },
      "Consul 1.25.0-dev is not one of the known release lines (1.22, 1.21, 1.20, 1.19).",
    ],
    [
      { consul: "1.21.0", consulCni: "1.9.0" },
      "Consul 1.21.0 is not known to work with consul-cni 1.9.0. It works with 1.7, 1.8.",
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

describe("security releases that a version lacks", () => {
  test("are told with what can happen, and what to use", () => {
    expect(securityGaps({ consul: "1.21.0" })).toEqual([
      {
        problem:
          "consul 1.21.0 lacks security fixes: 1.21.5, or parameters and keys in URLs bypass authentication, and the agent's group " +
          "can read its TLS key (GH-22612, GH-22682, GH-22626); 1.22.0, or requests to the KV and event endpoints exhaust the agent " +
          "(CVE-2025-11374, CVE-2025-11375); 1.22.5, or slow requests block the agent, and the Vault CA provider can read any file " +
          "(GH-22739, GH-23249).",
        fix: "Use consul 1.22.5 or newer. Line 1.21 did not get every fix, but for the Enterprise edition in 1.21.6+ent.",
      },
    ]);
  });

  test.each([
    [{ consul: "1.22.6" }, []],
    [{ consul: "1.22.4" }, ["Use consul 1.22.5 or newer."]],
    [{ consul: "1.20.0" }, [expect.stringMatching(/^Use consul 1.22.5 or newer. Line 1.20 did not/)]],
    [{ consul: "1.21.6+ent" }, ["Use consul 1.22.5 or newer."]],
    [{ nomad: "1.10.1" }, [expect.stringMatching(/^Use nomad 2.0.4 or newer. .* in 1.10.14\+ent.$/)]],
    [{ nomad: "1.11.8+ent" }, []],
    [{ nomad: "1.11.5+ent" }, ["Use nomad 1.11.8+ent or newer."]],
    [{ nomad: "2.0.5" }, []],
    [{ envoy: "1.38.0" }, ["Use envoy 1.38.4 or newer."]],
    [{ envoy: "1.38.9" }, []],
    [{ envoy: "1.37.5", cni: "0.1.0", consulCni: "0.1.0" }, []],
  ])("%j", (versions, fixes) => {
    expect(securityGaps(versions).map(({ fix }) => fix)).toEqual(fixes);
  });
});
