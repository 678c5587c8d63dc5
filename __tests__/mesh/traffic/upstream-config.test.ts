import { JobKind, Protocol, Redirect, type ConnectOptions, type consul, type MeshService } from "../../../constructs";
import { findingsOf, synthMesh, warningsOf } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };

function synthesized(connect: (web: MeshService, api: MeshService) => void, serviceDefaults = {}) {
  return synthMesh((mesh) => {
    const web = mesh.addService("web", { port: 80, publish: 80, workload: anyWorkload, serviceDefaults });
    connect(web, mesh.addService("api", http));
  });
}

/** What a source's defaults say of every upstream. */
const HALF = { Defaults: { PassiveHealthCheck: { MaxEjectionPercent: 50 } } };

/** What the source's defaults say of its upstreams. */
function configOf(connect: (web: MeshService, api: MeshService) => void, serviceDefaults = {}) {
  const { entries } = synthesized(connect, serviceDefaults);
  return (entries["service-defaults/web"] as consul.ServiceConfigEntry).UpstreamConfig;
}

describe.each<[string, ConnectOptions, object]>([
  ["connections", { limits: { maxConnections: 1 } }, { Limits: { MaxConnections: 1 } }],
  ["waiting requests", { limits: { maxPendingRequests: 0 } }, { Limits: { MaxPendingRequests: 0 } }],
  ["requests", { limits: { maxConcurrentRequests: 3 } }, { Limits: { MaxConcurrentRequests: 3 } }],
  [
    "when it looks",
    { passiveHealthCheck: { interval: "90s" } },
    { PassiveHealthCheck: { Interval: "1m30s", MaxEjectionPercent: 50 } },
  ],
  [
    "failures",
    { passiveHealthCheck: { maxFailures: 3 } },
    { PassiveHealthCheck: { MaxFailures: 3, MaxEjectionPercent: 50 } },
  ],
  [
    "how likely it ejects",
    { passiveHealthCheck: { enforcingConsecutive5xx: 0 } },
    { PassiveHealthCheck: { EnforcingConsecutive5xx: 0, MaxEjectionPercent: 50 } },
  ],
  [
    "how many it ejects",
    { passiveHealthCheck: { maxEjectionPercent: 30 } },
    { PassiveHealthCheck: { MaxEjectionPercent: 30 } },
  ],
  [
    "for how long",
    { passiveHealthCheck: { baseEjectionTime: "5s" } },
    { PassiveHealthCheck: { BaseEjectionTime: "5s", MaxEjectionPercent: 50 } },
  ],
  ["the time to connect", { connectTimeout: "1.5s" }, { ConnectTimeoutMs: 1500 }],
])("a connection limits %s", (_, options, expected) => {
  test("in the defaults of its source", () => {
    expect(configOf((web, api) => web.connectTo(api, options))).toEqual({
      ...HALF,
      Overrides: [{ Name: "api", ...expected }],
    });
  });
});

describe("half of the instances may be ejected, so one of two,", () => {
  test("of a connection that limits nothing", () => {
    expect(configOf((web, api) => web.connectTo(api))).toEqual(HALF);
  });

  test("unless the defaults say how many", () => {
    const given = { UpstreamConfig: { Defaults: { PassiveHealthCheck: { MaxEjectionPercent: 20, MaxFailures: 3 } } } };
    expect(configOf((web, api) => web.connectTo(api), given)).toEqual(given.UpstreamConfig);
  });

  test("of an override in the defaults that has a check, and names no share", () => {
    const Overrides = [{ Name: "other", PassiveHealthCheck: { MaxFailures: 3 } }, { Name: "another" }];
    expect(configOf((web, api) => web.connectTo(api), { UpstreamConfig: { Overrides } })?.Overrides).toEqual([
      { Name: "other", PassiveHealthCheck: { MaxFailures: 3, MaxEjectionPercent: 50 } },
      { Name: "another" },
    ]);
  });

  test("and nothing is said where no Envoy reaches out", () => {
    const native = synthMesh((mesh) => {
      const api = mesh.addService("api", http);
      mesh.addService("web", { port: 80, connectNative: true, workload: anyWorkload }).connectTo(api);
    });
    for (const name of ["web", "api"]) {
      expect(native.entries[`service-defaults/${name}`]).not.toHaveProperty("UpstreamConfig");
    }
  });
});

test("limits stand next to what else is stated about upstreams", () => {
  expect(
    configOf((web, api) => web.connectTo(api, { limits: { maxConnections: 1 } }), {
      UpstreamConfig: { Defaults: { ConnectTimeoutMs: 1 }, Overrides: [{ Name: "other" }] },
    }),
  ).toEqual({
    Defaults: { ConnectTimeoutMs: 1, ...HALF.Defaults },
    Overrides: [{ Name: "other" }, { Name: "api", Limits: { MaxConnections: 1 } }],
  });
});

test("limits of a peer's service are told apart, and what a version connects to counts too", () => {
  expect(
    configOf((web, api) => {
      web.connectTo(api, { limits: { maxConnections: 1 } });
      web.addVersion("v2", { workload: anyWorkload }).connectTo(api, {
        peer: "partner",
        limits: { maxConnections: 2 },
      });
    })?.Overrides,
  ).toEqual([
    { Name: "api", Limits: { MaxConnections: 1 } },
    { Name: "api", Peer: "partner", Limits: { MaxConnections: 2 } },
  ]);
});

test.each<[ConnectOptions, string]>([
  [{ limits: { maxConnections: -1 } }, "maxConnections is -1. Use a whole number from 0."],
  [{ limits: { maxPendingRequests: 0.5 } }, "maxPendingRequests is 0.5. Use a whole number from 0."],
  [{ limits: { maxConcurrentRequests: NaN } }, "maxConcurrentRequests is NaN. Use a whole number from 0."],
  [{ passiveHealthCheck: { maxFailures: 0 } }, "maxFailures is 0. Use a whole number from 1."],
  [
    { passiveHealthCheck: { enforcingConsecutive5xx: 101 } },
    "enforcingConsecutive5xx is 101. Use a whole number from 0 to 100.",
  ],
  [{ passiveHealthCheck: { maxEjectionPercent: -1 } }, "maxEjectionPercent is -1. Use a whole number from 0 to 100."],
  [{ connectTimeout: "1us" }, "connectTimeout is 1us. Use whole milliseconds."],
])("fails for %j", (options, message) => {
  expect(() => synthesized((web, api) => web.connectTo(api, options))).toThrow(
    `stack/mesh/web: In its upstream api, ${message}`,
  );
});

describe("conflicting-upstream-config", () => {
  const conflict =
    "Two connections of web to api have different limits, checks or timeouts. Set them once, at one of the connections and not in serviceDefaults. (conflicting-upstream-config)";

  test("fails if two connections to one name say different things", () => {
    const twice = (second: ConnectOptions) =>
      findingsOf(() =>
        synthesized((web, api) => {
          web.connectTo(api, { limits: { maxConnections: 1 } });
          web.addVersion("v2", { workload: anyWorkload, inheritConnections: false }).connectTo(api, second);
        }),
      );
    expect(twice({ limits: { maxConnections: 2 } })).toEqual([`stack/mesh/web/v2: ${conflict}`]);
    expect(twice({ limits: { maxConnections: 1 } })).toEqual([]);
    expect(twice({})).toEqual([]);
  });

  test("fails if a connection and its source's defaults do", () => {
    expect(
      findingsOf(() =>
        synthesized((web, api) => web.connectTo(api, { limits: { maxConnections: 1 } }), {
          UpstreamConfig: { Overrides: [{ Name: "api" }] },
        }),
      ),
    ).toEqual([`stack/mesh/web: ${conflict}`]);
  });
});

describe("no-ejection", () => {
  const warningsFor = (options: ConnectOptions, count: number, more: (api: MeshService) => unknown = () => undefined) =>
    warningsOf((mesh) => {
      const web = mesh.addService("web", { port: 80, publish: 80, count: 2, workload: anyWorkload });
      const api = mesh.addService("api", { ...http, count });
      more(api);
      web.connectTo(api, options);
    });

  test("warns of a passive health check that ejects none of the instances", () => {
    expect(warningsFor({ passiveHealthCheck: { maxEjectionPercent: 10 } }, 4)).toEqual([
      "stack/mesh/web: Its passive health check of api never ejects an instance: 10 % of 4 is less than one. Set maxEjectionPercent to 25 or more. (no-ejection)",
    ]);
    expect(warningsFor({ passiveHealthCheck: { maxFailures: 3 } }, 1)).toEqual([
      "stack/mesh/web: Its passive health check of api never ejects an instance: 50 % of 1 is less than one. Run 2 instances or more; with maxEjectionPercent: 100 the only one is ejected too, and requests fail until it is back. (no-ejection)",
    ]);
  });

  test.each<[string, ConnectOptions, number]>([
    ["ejects one", { passiveHealthCheck: { maxFailures: 3 } }, 2],
    ["may eject the only one", { passiveHealthCheck: { maxEjectionPercent: 100 } }, 1],
    ["only counts", { passiveHealthCheck: { enforcingConsecutive5xx: 0 } }, 1],
    ["is to eject none", { passiveHealthCheck: { maxEjectionPercent: 0 } }, 1],
    ["is of a peer's service", { peer: "partner", passiveHealthCheck: { maxEjectionPercent: 10 } }, 1],
    ["nobody asked for", {}, 1],
  ])("does not warn of one that %s", (_, options, count) => {
    expect(warningsFor(options, count)).toEqual([]);
  });

  test("does not warn where the number of instances is not known here", () => {
    const onEachNode = warningsOf((mesh) => {
      const web = mesh.addService("web", { port: 80, publish: 80, count: 2, workload: anyWorkload });
      const group = mesh.addJob("api", { kind: JobKind.system() }).addGroup("api", { tasks: { api: anyWorkload } });
      web.connectTo(group.addService("api", { port: 9001 }), { passiveHealthCheck: {} });
    });
    expect(onEachNode).toEqual([]);
    const elsewhere = (api: MeshService) => api.resolve({ redirect: Redirect.peer("partner") });
    expect(warningsFor({ passiveHealthCheck: {} }, 1, elsewhere)).toEqual([]);
  });

  test("counts the instances of all versions", () => {
    const withVersion = (api: MeshService) => api.addVersion("v2", { workload: anyWorkload, count: 1 });
    expect(warningsFor({ passiveHealthCheck: {} }, 1, withVersion)).toEqual([]);
  });
});
