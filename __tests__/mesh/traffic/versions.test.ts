import {
  HealthCheck,
  MeshGatewayMode,
  Protocol,
  Subset,
  SubsetFilter,
  type ConnectOptions,
  type consul,
  type MeshService,
  type ServiceMesh,
  Workload,
} from "../../../constructs";
import { findingsOf, synthMesh } from "../../support/synth";
import { serviceOf, taskOf } from "../../support/job";
import { anyWorkload } from "../../support/workload";

const http = {
  port: 9001,
  protocol: Protocol.HTTP,
  workload: anyWorkload,
  healthCheck: HealthCheck.http("/health"),
  meta: { team: "a" },
};
const next = { workload: Workload.docker({ image: "example/app:2" }) };

function synthesized(say: (api: MeshService, mesh: ServiceMesh) => void) {
  return synthMesh((mesh) => {
    const api = mesh.addService("api", http);
    mesh.addService("web", { port: 80, publish: 80, workload: anyWorkload }).connectTo(api);
    say(api, mesh);
  });
}

describe("a version", () => {
  test("is a job of its own under the service's name, with all that it does not say otherwise", () => {
    const { jobs } = synthesized((api) => api.addVersion("v2", { ...next, count: 3 }));
    expect(Object.keys(jobs)).toEqual(["api", "api-v2", "web"]);
    const service = serviceOf(jobs["api-v2"]);
    expect(service).toMatchObject({
      Name: "api",
      PortLabel: "9001",
      Meta: { team: "a", version: "v2" },
      Checks: [{ Path: "/health" }],
    });
    expect(serviceOf(jobs.api).Meta).toEqual({ team: "a" });
    expect(jobs["api-v2"]).toMatchObject({ Name: "api-v2", TaskGroups: [{ Name: "api-v2", Count: 3 }] });
    expect(taskOf(jobs["api-v2"], "api").Config).toMatchObject({ image: "example/app:2" });
  });

  test("has the service's defaults and intentions, which are written once", () => {
    const { entries } = synthesized((api) => api.addVersion("v2", next));
    expect(Object.keys(entries).filter((entry) => entry.endsWith("/api"))).toEqual([
      "service-defaults/api",
      "service-intentions/api",
      "service-resolver/api",
    ]);
  });

  test("gets nothing before a rule says so, neither at first nor beside other versions", () => {
    const { entries } = synthesized((api) => {
      api.addVersion("v2", next);
      api.addVersion("v3", next);
    });
    expect(entries["service-resolver/api"]).toMatchObject({
      DefaultSubset: "stable",
      Subsets: {
        v2: { Filter: 'Service.Meta.version == "v2"' },
        v3: { Filter: 'Service.Meta.version == "v3"' },
        stable: { Filter: 'not (Service.Meta.version == "v2") and not (Service.Meta.version == "v3")' },
      },
    });
  });

  test("is told also while Nomad runs canaries of it, which have metadata of their own", () => {
    const canariesOf = (own: object, ofService?: Readonly<Record<string, string>>) => {
      const { jobs } = synthMesh((mesh) => {
        const api = mesh.addService("api", { ...http, publish: 1, canaryMeta: ofService });
        api.addVersion("v2", { ...next, update: { canary: 1 }, ...own });
      });
      return serviceOf(jobs["api-v2"]).CanaryMeta;
    };
    expect(canariesOf({ canaryMeta: { phase: "new" } })).toEqual({ phase: "new", version: "v2" });
    expect(canariesOf({}, { phase: "new" })).toEqual({ phase: "new", version: "v2" });
    expect(canariesOf({ canaryMeta: { version: "other" } })).toEqual({ version: "v2" });
    expect(canariesOf({})).toBeUndefined();
  });

  test("leaves Nomad's canaries of the service itself out of the stable instances, where they can be told apart", () => {
    const stableWith = (props: object) => {
      const { entries } = synthMesh((mesh) =>
        mesh.addService("api", { ...http, publish: 1, ...props }).addVersion("v2", next),
      );
      return (entries["service-resolver/api"] as consul.ServiceResolverConfigEntry).Subsets?.stable.Filter;
    };
    const others = 'not (Service.Meta.version == "v2")';
    expect(stableWith({ tags: ["a"], canaryTags: ["a", "new"] })).toBe(`${others} and not ("new" in Service.Tags)`);
    expect(stableWith({ canaryMeta: { team: "a", phase: "new" } })).toBe(
      `${others} and not (Service.Meta.phase == "new")`,
    );
    expect(stableWith({ canaryTags: [], canaryMeta: { team: "a" } })).toBe(others);
  });

  test("waits for its subset, and what sends it requests waits for its deployment", () => {
    const { terraform } = synthesized((api) => {
      api.canary(api.addVersion("v2", next), { percent: 10, header: "x-canary" });
    });
    const version = Object.entries(terraform.resource?.nomad_job ?? {}).find(([name]) => name.includes("v2"));
    expect(version?.[1].detach).toBe(false);
    expect(version?.[1].depends_on).toContainEqual("consul_config_entry.service-resolver_api");
    const entries = Object.values(terraform.resource?.consul_config_entry ?? {});
    for (const kind of ["service-splitter", "service-router"]) {
      expect(entries.find((entry) => entry.kind === kind)?.depends_on).toContain(`nomad_job.${version?.[0] ?? ""}`);
    }
  });

  test("reaches what the service reaches, also what is connected later, and more if it says so", () => {
    const { jobs } = synthesized((api, mesh) => {
      const version = api.addVersion("v2", next);
      const db = mesh.addService("db", { port: 5432, workload: anyWorkload });
      api.connectTo(db, { env: "DB" });
      version.connectTo(mesh.addService("cache", { port: 6379, workload: anyWorkload }), { env: "CACHE" });
    });
    const upstreamsOf = (id: string) => serviceOf(jobs[id]).Connect?.SidecarService?.Proxy?.Upstreams ?? [];
    expect(upstreamsOf("api").map(({ DestinationName }) => DestinationName)).toEqual(["db"]);
    expect(upstreamsOf("api-v2")).toEqual([
      upstreamsOf("api")[0],
      expect.objectContaining({ DestinationName: "cache" }),
    ]);
    expect(taskOf(jobs["api-v2"], "api").Env).toEqual({
      DB: "${NOMAD_UPSTREAM_ADDR_db}",
      CACHE: "${NOMAD_UPSTREAM_ADDR_cache}",
    });
    expect(taskOf(jobs.api).Env).toEqual({ DB: "${NOMAD_UPSTREAM_ADDR_db}" });
  });

  test("has an upstream once that it shares with its service, whichever of them is connected first", () => {
    const upstreamsOf = (order: readonly ("service" | "version")[], options: ConnectOptions = {}) => {
      const { jobs } = synthesized((api, mesh) => {
        const version = api.addVersion("v2", next);
        const db = mesh.addService("db", { port: 5432, workload: anyWorkload });
        for (const source of order) {
          (source === "service" ? api : version).connectTo(db, source === "service" ? { env: "DB" } : options);
        }
      });
      expect(taskOf(jobs["api-v2"], "api").Env).toEqual({ DB: "${NOMAD_UPSTREAM_ADDR_db}" });
      return ["api", "api-v2"].map((id) => serviceOf(jobs[id]).Connect?.SidecarService?.Proxy?.Upstreams);
    };
    const [ofService, ofVersion] = upstreamsOf(["service", "version"]);
    expect(ofVersion).toEqual(ofService);
    expect(upstreamsOf(["version", "service"])).toEqual([ofService, ofService]);
    const mode = { meshGateway: MeshGatewayMode.LOCAL };
    expect(upstreamsOf(["version", "service"], mode)).toEqual([
      ofService,
      [{ ...ofService?.[0], MeshGateway: { Mode: "local" } }],
    ]);
  });

  test.each([["service"], ["version"]])(
    "fails if it contradicts the upstream of its service, the %s first",
    (first) => {
      const connect = (api: MeshService, mesh: ServiceMesh) => {
        const version = api.addVersion("v2", next);
        mesh.addService("db", { port: 5432, workload: anyWorkload });
        const connections = [() => api.connectTo("db", { env: "DB" }), () => version.connectTo("db", { env: "OTHER" })];
        for (const say of first === "service" ? connections : connections.reverse()) say();
      };
      expect(findingsOf(() => synthesized(connect))).toEqual([
        'stack/mesh/api/v2: Its upstream db, which stack/mesh/api also declares, has both the env "DB" and "OTHER". Keep one of the two, or set inheritConnections: false. (conflicting-upstream)',
      ]);
    },
  );

  test("reaches nothing if it is told to begin afresh", () => {
    const { jobs } = synthesized((api, mesh) => {
      api.connectTo(mesh.addService("db", { port: 5432, workload: anyWorkload }));
      api.addVersion("v2", { ...next, inheritConnections: false });
    });
    expect(serviceOf(jobs["api-v2"]).Connect?.SidecarService?.Proxy?.Upstreams).toBeUndefined();
  });

  test("does not publish the service's port a second time", () => {
    const { jobs } = synthMesh((mesh) => {
      const api = mesh.addService("api", { ...http, publish: 9001 });
      api.addVersion("v2", next);
      api.addVersion("v3", { ...next, publish: 9003 });
    });
    const portsOf = (id: string) => jobs[id].TaskGroups?.[0].Networks?.[0].ReservedPorts?.map(({ Value }) => Value);
    expect([portsOf("api"), portsOf("api-v2"), portsOf("api-v3")]).toEqual([[9001], undefined, [9003]]);
  });

  test("is looked at by the checks like any job, and a fault of the service is reported once", () => {
    expect(findingsOf(() => synthesized((api) => api.addVersion("v2", { ...next, port: 0 })))).toEqual([
      expect.stringMatching(/^stack\/mesh\/api\/v2: port is 0\./),
    ]);
    expect(
      findingsOf(() =>
        synthesized((api) => {
          api.addUpstream("dp");
          api.addVersion("v2", next);
        }),
      ),
    ).toEqual([expect.stringContaining("(unknown-service)")]);
  });

  test("fails if it, or a subset, takes the name of those without a version", () => {
    const message =
      'stack/mesh/api: The subset "stable" is reserved for the instances without a version. Rename this one, or use .stable.';
    expect(() => synthesized((api) => api.addVersion("stable", next))).toThrow(message);
    expect(() => synthesized((api) => api.addSubset("stable", "a == 1"))).toThrow(message);
  });

  test("fails if its job is that of another service", () => {
    expect(
      findingsOf(() =>
        synthesized((api, mesh) => {
          api.addVersion("v2", next);
          mesh.addService("api-v2", { port: 1, publish: 1, workload: anyWorkload });
        }),
      ),
    ).toEqual([
      'stack/mesh/api-v2: The job "api-v2" already belongs to stack/mesh/api (version v2). Change one of the names. (duplicate-job)',
    ]);
  });
});

describe("a canary", () => {
  const rulesOf = (say: (api: MeshService) => void) => {
    const { entries } = synthesized(say);
    return ["resolver", "splitter", "router"].map((kind) => entries[`service-${kind}/api`]);
  };

  test("gets its percentage, and all requests with its header", () => {
    const [resolver, splitter, router] = rulesOf((api) => {
      api.canary(api.addVersion("v2", next), { percent: 33.3, header: "x-canary" });
    });
    expect(resolver).toMatchObject({ DefaultSubset: "stable" });
    expect(splitter).toMatchObject({
      Splits: [
        { Weight: 66.7, ServiceSubset: "stable" },
        { Weight: 33.3, ServiceSubset: "v2" },
      ],
    });
    expect(router).toMatchObject({
      Routes: [
        { Match: { HTTP: { Header: [{ Name: "x-canary", Present: true }] } }, Destination: { ServiceSubset: "v2" } },
      ],
    });
  });

  test("needs no router without a header, which may also say something", () => {
    expect(
      rulesOf((api) => {
        api.canary(api.addVersion("v2", next), { percent: 10 });
      })[2],
    ).toBeUndefined();
    expect(
      rulesOf((api) => {
        api.canary(api.addVersion("v2", next), { percent: 10, header: { name: "x-user", regex: "test-.*" } });
      })[2],
    ).toMatchObject({ Routes: [{ Match: { HTTP: { Header: [{ Name: "x-user", Regex: "test-.*" }] } } }] });
  });

  test("gets its testers' requests on each route that stays at the service, with all that the route changes", () => {
    const { entries } = synthesized((api, mesh) => {
      api.route({ match: { pathPrefix: "/admin" }, to: mesh.addService("admin", http) });
      api.route({ match: { pathPrefix: "/v1", methods: ["GET"] }, retries: { attempts: 2 } });
      api.canary(api.addVersion("v2", next), { percent: 0, header: "x-canary" });
    });
    const tester = [{ Name: "x-canary", Present: true }];
    const retries = { NumRetries: 2, RetryOn: ["connect-failure", "refused-stream"] };
    expect(entries["service-router/api"]).toMatchObject({
      Routes: [
        { Match: { HTTP: { PathPrefix: "/admin" } }, Destination: { Service: "admin" } },
        {
          Match: { HTTP: { PathPrefix: "/v1", Methods: ["GET"], Header: tester } },
          Destination: { ServiceSubset: "v2", ...retries },
        },
        { Match: { HTTP: { PathPrefix: "/v1", Methods: ["GET"] } }, Destination: retries },
        { Match: { HTTP: { Header: tester } }, Destination: { ServiceSubset: "v2" } },
      ],
    });
  });

  test("of Nomad's own is a subset by its tag", () => {
    const { entries, jobs } = synthMesh((mesh) => {
      const api = mesh.addService("api", { ...http, publish: 1, canaryTags: ["canary"], update: { canary: 1 } });
      api.canary(api.addSubset("canary", SubsetFilter.tag("canary")), { percent: 0, header: "x-canary" });
    });
    expect(serviceOf(jobs.api).CanaryTags).toEqual(["canary"]);
    expect(entries["service-resolver/api"]).toMatchObject({
      DefaultSubset: "stable",
      Subsets: { canary: { Filter: '"canary" in Service.Tags' }, stable: { Filter: 'not ("canary" in Service.Tags)' } },
    });
  });

  test("may stand beside something else than the service's own instances", () => {
    const [resolver, splitter] = rulesOf((api) => {
      const v2 = api.addVersion("v2", next);
      api.canary(api.addVersion("v3", next), { percent: 5, stable: v2 });
    });
    expect(resolver).toMatchObject({ DefaultSubset: "stable" });
    expect(splitter).toMatchObject({ Splits: [{ ServiceSubset: "v2" }, { ServiceSubset: "v3" }] });
  });

  test("may be a subset that is declared further down", () => {
    const { entries } = synthesized((api) => {
      api.canary(Subset.of("api", "canary"), { percent: 0 });
      api.addSubset("canary", "a == 1");
    });
    expect(entries["service-resolver/api"]).toMatchObject({ Subsets: { stable: { Filter: "not (a == 1)" } } });
  });

  test("fails if it is another service's, or its header says too much", () => {
    expect(() =>
      rulesOf((api) => {
        api.canary(Subset.of("other", "v2"), { percent: 1 });
      }),
    ).toThrow("stack/mesh/api: Its canary is a subset of other. Use split to set weights between services.");
    expect(() =>
      rulesOf((api) => {
        api.canary(api.addVersion("v2", next), { percent: 1, header: { name: "a", exact: "1", prefix: "2" } });
      }),
    ).toThrow('stack/mesh/api: A route has 2 conditions for the header "a".');
  });

  test.each([
    [8.04, 91.96],
    [99.99, 0.01],
    [0.07, 99.93],
  ])("with %d %% leaves %d %% to the others, as a person reckons", (percent, rest) => {
    const [, splitter] = rulesOf((api) => {
      api.canary(api.addVersion("v2", next), { percent });
    });
    expect(splitter).toMatchObject({ Splits: [{ Weight: rest }, { Weight: percent }] });
  });

  test.each([-1, 100.5, NaN])("fails for a percentage of %p", (percent) => {
    expect(() =>
      rulesOf((api) => {
        api.canary(api.addVersion("v2", next), { percent });
      }),
    ).toThrow(`stack/mesh/api: The weight of its canary is ${percent} %. Use a number from 0 to 100.`);
  });
});

describe("blue and green", () => {
  const rulesOf = (live: "blue" | "green", protocol = Protocol.HTTP, header?: string) => {
    const { entries } = synthMesh((mesh) => {
      const api = mesh.addService("api", { ...http, healthCheck: undefined, protocol, publish: 1 });
      api.blueGreen({ blue: api.stable, green: api.addVersion("green", next), live, header });
    });
    return ["resolver", "splitter", "router"].map((kind) => entries[`service-${kind}/api`]);
  };

  test.each([
    ["blue" as const, "stable", "green"],
    ["green" as const, "green", "stable"],
  ])("take turns: %s is live", (live, active, idle) => {
    const [resolver, splitter, router] = rulesOf(live, Protocol.HTTP, "x-preview");
    expect(resolver).toMatchObject({ DefaultSubset: active });
    expect(splitter).toMatchObject({
      Splits: [
        { Weight: 100, ServiceSubset: active },
        { Weight: 0, ServiceSubset: idle },
      ],
    });
    expect(router).toMatchObject({ Routes: [{ Destination: { ServiceSubset: idle } }] });
  });

  test("of a tcp service are switched by the resolver alone", () => {
    const [resolver, splitter] = rulesOf("green", Protocol.TCP);
    expect(resolver).toMatchObject({ DefaultSubset: "green" });
    expect(splitter).toBeUndefined();
  });
});
