import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { ConsulConfigEntry, Failover, MeshService, Protocol, ServiceMesh, Subset, type consul } from "../../constructs";
import { findingsOf, synthStack, TestStack, warningsOf } from "../support/synth";
import { anyWorkload } from "../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };

/** How an entry is written manually. */
const WAYS = {
  "a ConsulConfigEntry": (stack: TestStack, { Kind: kind, ...entry }: consul.ConfigEntry) => {
    const { Name: name = "", ...content } = entry as { Name?: string };
    new ConsulConfigEntry(stack, `given-${kind}-${name}`, { kind, name, entry: () => content });
  },
  "a plain resource": (stack: TestStack, { Kind: kind, ...entry }: consul.ConfigEntry) => {
    const { Name: name = "", ...content } = entry as { Name?: string };
    new ConfigEntry(stack, `given-${kind}-${name}`, { kind, name, configJson: JSON.stringify(content) });
  },
};

describe.each(Object.entries(WAYS))("entries that are written manually as %s", (_, give) => {
  /** What synthesis says of the services `web` and `api`, and of entries. */
  function findings(
    say: (services: { web: MeshService; api: MeshService; mesh: ServiceMesh; stack: TestStack }) => void,
    ...entries: readonly consul.ConfigEntry[]
  ): string[] {
    const stack = new TestStack();
    const mesh = new ServiceMesh(stack, "mesh");
    const [web, api] = ["web", "api"].map((name) => mesh.addService(name, http));
    entries.forEach((entry) => {
      give(stack, entry);
    });
    say({ web, api, mesh, stack });
    return findingsOf(() => synthStack(stack));
  }

  const intentions = (name: string, ...sources: consul.SourceIntention[]): consul.ConfigEntry => ({
    ...{ Kind: "service-intentions", Name: name, Sources: sources },
  });
  const resolver = (name: string, fields: object): consul.ConfigEntry => ({
    ...{ Kind: "service-resolver", Name: name, ...fields },
  });
  const V1 = { Subsets: { v1: { Filter: 'Service.Meta.version == "1"' } } };

  test("allow upstreams, also by wildcards, and deny them", () => {
    const upstream = ({ web, api }: { web: MeshService; api: MeshService }) => void web.addUpstream(api);
    const refused =
      "stack/mesh/web: It has an upstream to api, but no intention allows it. Use connectTo, or allow it at stack/mesh/api with allowFrom. (upstream-without-intention)";
    expect(findings(upstream)).toEqual([refused]);
    expect(findings(upstream, intentions("api", { Name: "web", Action: "allow" }))).toEqual([]);
    expect(findings(upstream, intentions("api", { Name: "web", Action: "deny" }))).toEqual([refused]);
    expect(findings(upstream, intentions("*", { Name: "web", Action: "allow" }))).toEqual([
      expect.stringMatching(/: web can reach every service, such as api\. .*\(wildcard-destination\)$/),
    ]);
  });

  test("must contain no private keys, and the message shows none", () => {
    const keys = { keys: [{ kty: "EC", d: "c2VjcmV0" }] };
    const JWKS = Buffer.from(JSON.stringify(keys)).toString("base64");
    const [said, ...others] = findings(() => undefined, {
      ...{ Kind: "jwt-provider", Name: "login", Issuer: "a", JSONWebKeySet: { Local: { JWKS } } },
    });
    expect(said).toContain(
      "JSONWebKeySet.Local.JWKS is a key set with private keys; expected only public keys, because it is in the Terraform state. Remove them. (invalid-config-entry)",
    );
    expect(said).not.toContain(JWKS);
    expect(others).toEqual([]);
  });

  test("require tokens of providers that exist, and that Envoy verifies", () => {
    const jwt = { Providers: [{ Name: "login" }] };
    const guarded = { ...intentions("api", { Name: "web", Action: "allow" }), JWT: jwt } as consul.ConfigEntry;
    const upstream = ({ web, api }: { web: MeshService; api: MeshService }) => void web.addUpstream(api);
    expect(findings(upstream, guarded)).toEqual([
      "stack/mesh/api: The intentions of api require a token of login, which is no JWT provider of its datacenter in this app. Add it with addJwtProvider of a mesh of this datacenter, or reference one of another team with JwtProvider.fromName. (unknown-jwt-provider)",
    ]);
    const provider: consul.ConfigEntry = {
      ...{ Kind: "jwt-provider", Name: "login", Issuer: "a" },
      JSONWebKeySet: { Remote: { URI: "https://login.example.com" } },
    };
    expect(findings(upstream, guarded, provider)).toEqual([
      expect.stringMatching(/: The keys of login are at the host login\.example\.com, .*\(jwks-settings\)$/),
      expect.stringMatching(/ and accept any certificate\. .*\(jwks-unverified\)$/),
    ]);
  });

  test("are checked like intentions that are stated", () => {
    const at = (name: string) => new RegExp(`^stack/given-service-intentions-${name}: `);
    expect(findings(() => undefined, intentions("api", { Name: "web", Action: "allow" }))).toEqual([
      expect.stringMatching(/: web can reach api, but has no upstream to it\. .*\(intention-without-upstream\)$/),
    ]);
    const misspelled = findings(() => undefined, intentions("api", { Name: "wbe", Action: "allow" }));
    expect(misspelled).toEqual([expect.stringMatching(/It allows "wbe", .*Did you mean "web"\?/)]);
    expect(misspelled[0]).toMatch(at("api"));
    expect(findings(() => undefined, intentions("api", { Name: "*", Action: "allow" }))).toEqual([
      expect.stringMatching(/: Every service can reach api\. /),
    ]);
    const permissions = [{ Action: "allow", HTTP: { PathPrefix: "/" } }];
    expect(
      findings(
        ({ web, mesh }) => {
          web.addUpstream(mesh.addService("store", { port: 9002, workload: anyWorkload }));
        },
        intentions("store", { Name: "web", Permissions: permissions }),
      ),
    ).toEqual([
      expect.stringMatching(/: The permissions of web on store apply to HTTP requests, .*\(http-rule-on-tcp\)$/),
    ]);
  });

  test("have subsets to which rules can refer, and those that they lack are reported", () => {
    const split = (subset: string) =>
      findings(
        ({ api, web }) => {
          web.connectTo(api);
          api.split([{ to: Subset.of(api, subset), weight: 100 }]);
        },
        resolver("api", V1),
      );
    expect(split("v1")).toEqual([]);
    expect(split("v2")).toEqual([
      'stack/mesh/api: The split of api refers to the subset "v2", which api does not have. Did you mean "v1"? Declare it at stack/mesh/api with addSubset. (unknown-subset)',
    ]);
    expect(
      findings(
        ({ mesh, api }) => {
          const db = mesh.addExternalService("db", {
            address: "db.example",
            port: 80,
            protocol: Protocol.HTTP,
            plaintext: "A test.",
          });
          mesh.addTerminatingGateway("egress").addService(db);
          api.resolve({ failover: Failover.to(Subset.of(db, "v1")) });
        },
        resolver("db", V1),
      ),
    ).toEqual([]);
  });

  test("are checked like rules that are stated", () => {
    const found = (...entries: consul.ConfigEntry[]) =>
      findings(({ web, api }) => void web.connectTo(api), ...entries).map((line) => /\(([a-z-]+)\)$/.exec(line)?.[1]);
    expect(found(resolver("api", { Redirect: { Service: "wbe" } }))).toEqual(["unknown-destination"]);
    expect(found(resolver("api", { DefaultSubset: "v2", ...V1 }))).toContain("unknown-subset");
    expect(found(resolver("api", { Failover: { "*": { Targets: [{ Service: "nobody" }] } } }))).toEqual([
      "unknown-destination",
    ]);
    const splits = [{ Weight: 60 }, { Weight: 60, Service: "web" }];
    expect(found({ Kind: "service-splitter", Name: "api", Splits: splits })).toContain("split-weights");
    const routes = [{}, { Match: { HTTP: { PathPrefix: "/a" } }, Destination: { Service: "web" } }];
    expect(found({ Kind: "service-router", Name: "api", Routes: routes })).toContain("shadowed-route");
    expect(
      found(resolver("web", { Redirect: { Service: "api" } }), resolver("api", { Redirect: { Service: "web" } })),
    ).toEqual(["traffic-cycle"]);
  });

  test("make a name a service, with the protocol of its defaults, so that stated intentions follow its rules", () => {
    const defaults = (Protocol: string): consul.ConfigEntry => ({ Kind: "service-defaults", Name: "old", Protocol });
    const redirect = resolver("old", { Redirect: { Service: "api" } });
    const stack = new TestStack();
    const mesh = new ServiceMesh(stack, "mesh");
    const [web] = ["web", "api"].map((name) => mesh.addService(name, http));
    for (const entry of [defaults("http"), redirect]) give(stack, entry);
    web.connectTo("old");
    expect(synthStack(stack).entries["service-intentions/api"]).toMatchObject({
      Sources: [{ Name: "web", Action: "allow" }],
    });
    const connect = ({ web }: { web: MeshService }) => void web.connectTo("old");
    expect(findings(connect, defaults("tcp"), redirect)).toEqual([
      expect.stringMatching(/The redirect of old, which has the protocol tcp, refers to api, which has http\./),
    ]);
  });

  test("make a name no service that connections reach where nothing renders the intention", () => {
    const connect = ({ web }: { web: MeshService }) => void web.connectTo("theirs");
    expect(findings(connect, resolver("theirs", V1))).toEqual([
      "stack/mesh/web: It allows web to reach theirs, whose config entries are written manually, so no intention is rendered for it. Use addUpstream, and write service-intentions/theirs manually; or declare the service with addVirtualService or MeshService.fromServiceName. (unknown-service)",
    ]);
    const upstream = ({ web }: { web: MeshService }) => void web.addUpstream("theirs");
    expect(findings(upstream, resolver("theirs", V1), intentions("theirs", { Name: "web", Action: "allow" }))).toEqual(
      [],
    );
  });

  test("make gateways known", () => {
    const gateway: consul.ConfigEntry = {
      Kind: "ingress-gateway",
      Name: "front",
      Listeners: [{ Port: 8080, Protocol: "http", Services: [{ Name: "api", Hosts: ["*"] }] }],
    };
    expect(findings(({ api }) => void api.allowFrom("front"), gateway)).toEqual([]);
    expect(findings(() => undefined, gateway)).toEqual([
      expect.stringMatching(/It routes to api, but no intention allows it\./),
    ]);
    expect(findings(({ api }) => void api.allowFrom("frnt"), gateway)[0]).toMatch(/Did you mean "front"\?/);
    const api: consul.ConfigEntry[] = [
      { Kind: "api-gateway", Name: "door", Listeners: [{ Name: "main", Port: 8081, Protocol: "tcp" }] },
      {
        Kind: "tcp-route",
        Name: "route",
        Parents: [{ Kind: "api-gateway", Name: "door" }],
        Services: [{ Name: "api" }],
      },
    ];
    expect(findings(({ api: service }) => void service.allowFrom("door"), ...api)).toEqual([
      expect.stringMatching(/Its listener on port 8081 has the protocol tcp, but api has http\./),
    ]);
    expect(
      findings(
        ({ mesh, web }) => {
          const db = mesh.addExternalService("db", { address: "10.0.0.7", port: 80, plaintext: "A test." });
          web.connectTo(db);
        },
        { Kind: "terminating-gateway", Name: "exit", Services: [{ Name: "db" }] },
      ),
    ).toEqual([]);
  });

  test("do not stop the checks where they are malformed: another check reports it", () => {
    const malformed = [
      { Kind: "service-resolver", Name: "api", Subsets: "none", Failover: 7 },
      { Kind: "service-intentions", Name: "api", Sources: "web" },
      { Kind: "service-splitter", Name: "api", Splits: 7 },
      { Kind: "service-router", Name: "api", Routes: [7] },
      { Kind: "ingress-gateway", Name: "front", Listeners: [{ Services: "api" }] },
    ] as unknown as readonly consul.ConfigEntry[];
    for (const entry of malformed) {
      expect(findings(() => undefined, entry).filter((line) => /could not finish/.test(line))).toEqual([]);
    }
  });
});

test("permissions that are written manually require normalization, as stated ones do", () => {
  const warnings = warningsOf(
    (mesh, stack) => {
      const [web, api] = ["web", "api"].map((name) => mesh.addService(name, http));
      web.addUpstream(api);
      WAYS["a ConsulConfigEntry"](stack, {
        ...{ Kind: "service-intentions", Name: "api" },
        Sources: [{ Name: "web", Permissions: [{ Action: "allow", HTTP: { PathPrefix: "/a" } }] }],
      });
    },
    { meshConfig: false },
  );
  expect(warnings).toContainEqual(
    expect.stringMatching(/^stack\/mesh: It has permissions on requests, .*\(request-normalization\)$/),
  );
});
