import { importApp } from "../../import/app";
import { Call, Commented, print, type Fields } from "../../import/code";
import { jobAsWritten } from "../../import/stored-job";
import type { nomad } from "../../constructs";

/** The app of one job with one group. */
function appOf(group: nomad.TaskGroup, job: nomad.Job = {}): string {
  return importApp([{ file: "a.nomad.hcl", job: { ...jobOf(group), ...job } }]).source;
}

function jobOf(group: nomad.TaskGroup): nomad.Job {
  return { ID: "shop", Name: "shop", TaskGroups: [{ Name: "web", Tasks: [], ...group }] };
}

function service(name: string, ...upstreams: nomad.ConsulUpstream[]): nomad.Service {
  return { Name: name, PortLabel: "80", Connect: { SidecarService: { Proxy: { Upstreams: upstreams } } } };
}

const BRIDGE = [{ Mode: "bridge" }];

test("an upstream to a service of the files is a connection, and any other one grants nothing", () => {
  const services = [
    service("page", { DestinationName: "api", LocalBindPort: 1 }, { DestinationName: "bank", LocalBindPort: 2 }),
    service("api"),
  ];
  const { source, connections } = importApp([
    { file: "a.nomad.hcl", job: jobOf({ Networks: BRIDGE, Services: services }) },
  ]);
  expect(connections).toBe(1);
  expect(source).toContain("page.connectTo(api, { localBindPort: 1 });");
  expect(source).toContain('const bank = MeshService.fromServiceName(mesh, "bank", "bank");');
  expect(source).toContain("page.addUpstream(bank, { localBindPort: 2 });");
});

test("an upstream in another datacenter is not the service of that name in the files", () => {
  const upstream = { DestinationName: "api", LocalBindPort: 1, Datacenter: "dc2" };
  const source = appOf({ Networks: BRIDGE, Services: [service("page", upstream), service("api")] });
  expect(source).toContain('page.addUpstream(apiService, { localBindPort: 1, datacenter: "dc2" });');
  expect(source).not.toContain("connectTo(");
});

test("the list says what a job file cannot tell, of each service", () => {
  const services = [service("page", { DestinationName: "api", LocalBindPort: 1 }), service("api")];
  const { unknowns } = importApp([{ file: "a.nomad.hcl", job: jobOf({ Networks: BRIDGE, Services: services }) }]);
  expect(unknowns.slice(0, 2)).toEqual([
    "Which services can reach others. The app allows only the upstreams in the files: page to api; none to page. Add connectTo or allowFrom for others, and permissions where not all requests are allowed.",
    "The protocol of page and api: the app uses tcp. Set `protocol` for http, http2 or grpc.",
  ]);
});

test("the protocol is known if the proxy's configuration names it", () => {
  const { Connect, ...api } = service("api");
  const SidecarService = { ...Connect?.SidecarService, Proxy: { Config: { protocol: "grpc" } } };
  const source = appOf({ Networks: BRIDGE, Services: [{ ...api, Connect: { SidecarService } }] });
  expect(source).toContain("protocol: Protocol.GRPC,");
  expect(source).not.toContain("The protocol of");
});

test("only fields without a typed option are in an override, with a comment", () => {
  const source = appOf({ Networks: BRIDGE, Meta: { team: "a" } }, { VaultNamespace: "shop", Priority: 70 });
  expect(source).toContain("priority: 70,");
  expect(source).toContain('groupMeta: { team: "a" },');
  expect(source).toContain(
    '    // The typed options cannot express these fields.\n    override: { VaultNamespace: "shop" },',
  );
  expect(source.match(/override: /g)).toHaveLength(1);
});

test.each([
  ["The job shop is in a.nomad.hcl and in b.nomad.hcl.", jobOf({}), jobOf({})],
  [
    "The service api is in the mesh twice: in a.nomad.hcl and in b.nomad.hcl.",
    jobOf({ Networks: BRIDGE, Services: [service("api")] }),
    { ...jobOf({ Networks: BRIDGE, Services: [service("api")] }), ID: "other" },
  ],
])("refuses what one app cannot have: %s", (message, one, other) => {
  const files = [
    { file: "a.nomad.hcl", job: one },
    { file: "b.nomad.hcl", job: other },
  ];
  expect(() => importApp(files)).toThrow(message);
});

test("a check that the library refuses keeps the path of the file", () => {
  const check = { Name: "alive", Type: "http", Path: "alive", PortLabel: "http", Interval: 1e9, Timeout: 1e9 };
  const source = appOf({ Networks: BRIDGE, Services: [{ Name: "page", PortLabel: "http", Checks: [check] }] });
  expect(source).toContain('HealthCheck.http("/", {');
  expect(source).toContain('override: { Path: "alive" },');
});

test("refuses a job that no override can make", () => {
  const ports = [
    { Label: "a", To: 1 },
    { Label: "a", To: 2 },
  ];
  const one = { file: "a.nomad.hcl", job: jobOf({ Networks: [{ Mode: "bridge", DynamicPorts: ports }] }) };
  expect(() => importApp([one])).toThrow("An override cannot express");
});

test("names that TypeScript cannot have become others", () => {
  const source = appOf({ Networks: BRIDGE, Services: [service("delete")] }, { ID: "new", Name: "new" });
  expect(source).toContain('const newJob = mesh.addJob("new");');
  expect(source).toContain('web.addService("delete", ');
});

test.each([
  ["text that looks like code", 'a`b${c}\\d"', '"a`b${c}\\\\d\\""'],
  ["several lines", "a`b\n${c}\\d", "`a\\`b\n\\${c}\\\\d`"],
  ["a carriage return", "a\r\nb", '"a\\r\\nb"'],
  ["keys that are no names", { "a-b": 1, c: [true, null] }, '{ "a-b": 1, c: [true, null] }'],
])("prints %s so that it means the same", (_, code, expected) => {
  expect(print(code, "")).toBe(expected);
});

test("an expression that does not fit into a line is broken, and comments are kept", () => {
  const code = new Call("Port.dynamic", [{ to: 1, hostNetwork: new Commented("Why.", "public") }]);
  expect(print(code, "")).toBe('Port.dynamic({\n  to: 1,\n  // Why.\n  hostNetwork: "public",\n})');
});

describe("from a cluster", () => {
  const services = [service("page", { DestinationName: "api", LocalBindPort: 1 }), service("api")];
  const jobs = [{ file: "the job shop", job: jobOf({ Networks: BRIDGE, Services: services }) }];
  const intentions = (...Sources: Fields[]) => ({
    ...{ kind: "service-intentions" as const, name: "api" },
    fields: { Sources },
  });
  const allow = { Name: "page", Action: "allow", Precedence: 9, Type: "consul" };

  test("an upstream that an intention allows is a connection, and any other one grants nothing", () => {
    expect(importApp(jobs, { entries: [intentions(allow)] }).source).toContain(
      "page.connectTo(api, { localBindPort: 1 });",
    );
    const { source } = importApp(jobs, { entries: [] });
    expect(source).toContain("page.addUpstream(api, { localBindPort: 1 });");
    expect(source).toContain(
      'silence(page, "upstream-without-intention", "No intention in Consul names page as a source of api.");',
    );
  });

  test("an intention that connectTo and allowFrom cannot express is the entry itself", () => {
    const { source } = importApp(jobs, { entries: [intentions({ ...allow, Action: "deny" })] });
    expect(source).toContain(
      'new ConsulConfigEntry<consul.ServiceIntentionsConfigEntry>(mesh, "service-intentions-api", {',
    );
    expect(source).toContain("page.addUpstream(api, { localBindPort: 1 });");
  });

  test("the protocol of a service is that of its service-defaults, else of proxy-defaults, also where the app has none", () => {
    const proxies = { kind: "proxy-defaults" as const, name: "global", fields: { Config: { protocol: "grpc" } } };
    const api = { kind: "service-defaults" as const, name: "api", fields: { Protocol: "http", TransparentProxy: {} } };
    const { source } = importApp(jobs, { entries: [api], others: [proxies] });
    expect(source).toMatch(/addService\("api", \{\s+port: 80,\s+protocol: Protocol.HTTP,/);
    expect(source).toMatch(/addService\("page", \{\s+port: 80,\s+protocol: Protocol.GRPC,/);
    expect(source).toContain("proxyDefaults: false");
  });

  test("Terraform imports jobs and entries, and leaves out the private key of a certificate", () => {
    const certificate = {
      ...{ kind: "inline-certificate" as const, name: "site" },
      fields: { Certificate: "-----BEGIN CERTIFICATE-----", PrivateKey: "-----BEGIN EC PRIVATE KEY-----" },
    };
    const { source, entries } = importApp([{ file: "the job shop", job: { ...jobs[0].job, Namespace: "team-a" } }], {
      entries: [intentions(allow), certificate],
    });
    expect(entries).toBe(1);
    expect(source).toContain('{ to: "nomad_job.team-a_shop", id: "shop@team-a" }');
    expect(source).toContain('{ to: "consul_config_entry.service-intentions_api", id: "service-intentions/api" }');
    expect(source).toContain("// - The app does not contain inline-certificate/site, which contains a private key.");
    expect(source).not.toContain("-----BEGIN");
  });
});

test("names where values look like secrets, without the values, and takes references for none", () => {
  const Env = { DB_PASSWORD: "hunter2", API_TOKEN: "${secret.api.token}", TOKEN_FILE: "/secrets/token", MODE: "fast" };
  const Templates = [
    { EmbeddedTmpl: 'SMTP_PASSWORD="letmein"\nUSER=me\n', DestPath: "secrets/mail.env" },
    { EmbeddedTmpl: 'PASSWORD={{ with nomadVar "a" }}{{ .password }}{{ end }}', DestPath: "secrets/db.env" },
  ];
  const Config = { image: "a", auth: { username: "u", password: "s3cret" }, args: ["postgres://u:pw123@db/x"] };
  const tasks = [{ Name: "web", Driver: "docker", Config, Env, Templates }];
  const { unknowns, source } = importApp([{ file: "a.nomad.hcl", job: jobOf({ Tasks: tasks }) }]);
  expect(unknowns[0]).toBe(
    "These values look like secrets: Config.auth.password of the task web in the job shop, Config.args of the task web in the job shop, Env.DB_PASSWORD of the task web in the job shop and Templates.EmbeddedTmpl of the task web in the job shop. Move them to a secret store before you commit this file. See docs/secrets.md.",
  );
  expect(source.slice(0, source.indexOf("synthesize("))).not.toMatch(/hunter2|letmein|s3cret|pw123/);
});

test("a job as Nomad stores it is as short as it was written", () => {
  const stored = {
    ...{ ID: "shop", Name: "shop", Type: "service", Region: "global", Namespace: "default", Datacenters: ["*"] },
    ...{ Version: 3, Status: "running", CreateIndex: 7, Update: { MaxParallel: 1 } },
    TaskGroups: [
      {
        ...{ Name: "web", Count: 1, EphemeralDisk: { SizeMB: 300, Sticky: false }, Migrate: { MaxParallel: 1 } },
        Constraints: [
          { LTarget: "${attr.consul.version}", RTarget: ">= 1.8.0", Operand: "semver" },
          { LTarget: "${node.class}", RTarget: "edge", Operand: "=" },
        ],
        Networks: [{ Mode: "bridge", DynamicPorts: [{ Label: "connect-proxy-api", To: -1, HostNetwork: "default" }] }],
        Services: [{ Name: "api", PortLabel: "80", AddressMode: "auto", Connect: { SidecarService: { Proxy: {} } } }],
        Tasks: [
          {
            Name: "web",
            Driver: "docker",
            Config: { image: "a" },
            KillTimeout: 5e9,
            Resources: { CPU: 100, MemoryMB: 300 },
          },
          {
            ...{ Name: "connect-proxy-api", Kind: "connect-proxy:api", Driver: "docker" },
            Config: { image: "${meta.connect.sidecar_image}" },
          },
        ],
      },
    ],
  };
  expect(jobAsWritten(stored)).toMatchObject({
    TaskGroups: [
      {
        Constraints: [{ LTarget: "${node.class}" }],
        Networks: [{ Mode: "bridge", DynamicPorts: [] }],
        Tasks: [{ Name: "web", Driver: "docker", Config: { image: "a" } }],
      },
    ],
  });
  const text = JSON.stringify(jobAsWritten(stored));
  expect(text).not.toMatch(/Version|Status|Index|Update|EphemeralDisk|KillTimeout|Resources|Region|AddressMode/);
});
