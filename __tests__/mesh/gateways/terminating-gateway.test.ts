import { Fn } from "cdktf";
import {
  Dns,
  Failover,
  silence,
  SubsetFilter,
  ExternalHealthCheck,
  ExternalService,
  HttpPermission,
  Protocol,
  ServiceMesh,
  Sidecar,
  Template,
  TerminatingGateway,
  Volume,
  type ExternalServiceBaseProps,
  type MeshConfig,
  type TerminatingGatewayBaseProps,
} from "../../../constructs";
import { groupOf, only, serviceOf, taskOf } from "../../support/job";
import { synthMesh, synthStack, TestStack } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

const plain = { address: "192.0.2.7", port: 5432, plaintext: "It speaks TLS of its own, inside." };
const file = (name: string) => Template.text(name, { destination: `secrets/${name}` });

/** A service that is connected to a service outside, through a gateway. */
function synthEgress(db: Partial<ExternalServiceBaseProps> = {}, gateway: TerminatingGatewayBaseProps = {}) {
  return synthMesh((mesh) => {
    const external = mesh.addExternalService("db", { ...plain, ...db });
    mesh.addTerminatingGateway("egress", gateway).addService(external);
    mesh.addService("web", { port: 8000, publish: 8000, workload: anyWorkload }).connectTo(external, { env: "DB" });
  });
}

const linkedIn = (stack: ReturnType<typeof synthEgress>) =>
  serviceOf(stack.jobs.egress).Connect?.Gateway?.Terminating?.Services;

describe("a function of AWS Lambda", () => {
  const arn = "arn:aws:lambda:eu-west-1:123456789012:function:resize:live";
  const without = { address: undefined, port: undefined, plaintext: undefined };

  test("is a service for requests at the endpoint of its region, which an extension calls", () => {
    const { entries, terraform } = synthEgress({ ...without, lambda: { arn, payloadPassthrough: true } });
    expect(entries["service-defaults/db"]).toMatchObject({
      Protocol: "http",
      EnvoyExtensions: [
        { Name: "builtin/aws/lambda", Required: true, Arguments: { ARN: arn, PayloadPassthrough: true } },
      ],
    });
    expect(JSON.stringify(terraform)).toContain('"address":"lambda.eu-west-1.amazonaws.com"');
  });

  test.each<[string, Partial<ExternalServiceBaseProps>, string]>([
    [
      "its ARN is none of a function",
      { ...without, lambda: { arn: "arn:aws:s3:::bucket" } },
      '"arn:aws:s3:::bucket" is not the ARN of a Lambda function. Use one such as "arn:aws:lambda:eu-west-1:123456789012:function:resize".',
    ],
    [
      "it has an address",
      { lambda: { arn } },
      "It is a Lambda function, for which address has no effect. Omit it, or omit lambda.",
    ],
    [
      "it has a protocol",
      { ...without, protocol: Protocol.HTTP, lambda: { arn } },
      "It is a Lambda function, for which protocol has no effect. Omit it, or omit lambda.",
    ],
  ])("fails if %s", (_, props, message) => {
    expect(() => synthEgress(props)).toThrow(message);
  });
});

describe("a service outside", () => {
  const unset = { address: undefined, port: undefined };

  test("that something else registers has no node and no registration, and subsets of its own", () => {
    const { terraform, entries, jobs } = synthMesh((mesh) => {
      const legacy = mesh.addExternalService("legacy", { plaintext: "It is a test.", inCatalog: true });
      legacy.resolve({ defaultSubset: legacy.addSubset("v2", SubsetFilter.tag("v2")) });
      mesh.addTerminatingGateway("egress").addService(legacy);
      legacy.allowFrom("*");
      silence(legacy, "wildcard-allow", "It is a test.");
    });
    expect(terraform.resource?.consul_node).toBeUndefined();
    expect(terraform.resource?.consul_service).toBeUndefined();
    expect(serviceOf(jobs.egress).Connect?.Gateway?.Terminating?.Services).toMatchObject([{ Name: "legacy" }]);
    expect(entries["service-resolver/legacy"]).toMatchObject({
      DefaultSubset: "v2",
      Subsets: { v2: { Filter: '"v2" in Service.Tags' } },
    });
  });

  test("can be what a job of the app registers, more than once", () => {
    const { jobs } = synthMesh((mesh) => {
      const legacy = mesh.addExternalService("legacy", { plaintext: "It is a test.", inCatalog: true });
      mesh.addTerminatingGateway("egress").addService(legacy);
      mesh.addService("web", { port: 8000, publish: 8000, workload: anyWorkload }).connectTo(legacy);
      for (const id of ["one", "two"]) {
        mesh
          .addJob(id)
          .addGroup("g", { tasks: { t: anyWorkload } })
          .addCatalogService("legacy");
      }
    });
    expect(Object.keys(jobs)).toEqual(expect.arrayContaining(["one", "two"]));
  });

  test("has a node for each of its instances", () => {
    const { terraform } = synthEgress({
      ...{ ...unset, tags: ["all"], meta: { team: "billing" } },
      instances: [
        { address: "192.0.2.7", port: 5432, tags: ["eu"], meta: { zone: "a" } },
        { address: "192.0.2.8", port: 5433, nodeName: "second" },
      ],
    });
    expect(Object.values(terraform.resource?.consul_node ?? {})).toMatchObject([
      { name: "external-db-1", address: "192.0.2.7" },
      { name: "second", address: "192.0.2.8" },
    ]);
    expect(Object.values(terraform.resource?.consul_service ?? {})).toMatchObject([
      { name: "db", port: 5432, tags: ["all", "eu"], meta: { team: "billing", zone: "a" } },
      { name: "db", port: 5433, tags: ["all"], meta: { team: "billing" } },
    ]);
  });

  test("lets sources of a service that fails over to it in", () => {
    const { entries } = synthMesh((mesh) => {
      const backup = mesh.addExternalService("backup", plain);
      const db = mesh.addService("db", { port: 5432, workload: anyWorkload });
      db.resolve({ failover: Failover.to(backup) });
      mesh.addTerminatingGateway("egress").addService(backup);
      mesh.addService("web", { port: 8000, publish: 8000, workload: anyWorkload }).connectTo(db);
    });
    expect(entries["service-intentions/backup"]).toMatchObject({ Sources: [{ Name: "web", Action: "allow" }] });
  });

  test.each([
    [
      "nothing",
      {},
      "It has no instances. Set address and port, or instances, or inCatalog: true if something else registers them.",
    ],
    [
      "two ways",
      { address: "192.0.2.7", port: 1, inCatalog: true },
      "Its instances are set in several ways. Set address and port, or instances, or inCatalog: true if something else registers them.",
    ],
    [
      "tags in the catalog",
      { inCatalog: true, tags: ["a"] },
      "tags has no effect. Set it where the instances are registered.",
    ],
    [
      "one node for several",
      { instances: [{ address: "192.0.2.7", port: 1 }], nodeName: "a" },
      "nodeName has no effect. Set it at each of the instances.",
    ],
  ])("is refused with %s", (_, props, words) => {
    expect(() => synthEgress({ ...unset, ...props })).toThrow(`stack/mesh/db: ${words}`);
  });

  test("is in the catalog, on a node of its own that Consul's tools know as external", () => {
    const { terraform } = synthEgress({ tags: ["v15"], meta: { team: "billing" } });
    const [node] = Object.values(terraform.resource?.consul_node ?? {});
    const [service] = Object.values(terraform.resource?.consul_service ?? {});
    expect(node).toMatchObject({
      name: "external-db",
      address: "192.0.2.7",
      meta: { "external-node": "true", "external-probe": "false" },
    });
    expect(service).toMatchObject({
      name: "db",
      node: expect.stringMatching(/^\$\{consul_node\..*\.name\}$/) as unknown,
      address: "192.0.2.7",
      port: 5432,
      tags: ["v15"],
      meta: { team: "billing" },
    });
  });

  describe("whose health Consul ESM checks", () => {
    const synthChecked = (
      healthCheck: ExternalHealthCheck | undefined,
      more: Partial<ExternalServiceBaseProps> = {},
    ) => {
      const { terraform } = synthEgress({ healthCheck, ...more });
      return only(Object.values(terraform.resource?.consul_service ?? {})) as Record<string, unknown>;
    };

    test("is registered with the definition of its check, whose status Terraform leaves to Consul ESM", () => {
      const headers = { "X-Probe": ["esm"] };
      const { service_id, check, lifecycle } = synthChecked(
        ExternalHealthCheck.http("/health?deep=1", { interval: "90s", port: 8080, method: "HEAD", headers, tls: true }),
      );
      expect(service_id).toMatch(/^db-[0-9a-f]{8}$/);
      expect(check).toEqual([
        {
          check_id: `service:${service_id as string}`,
          name: "db http",
          status: "passing",
          http: "https://192.0.2.7:8080/health?deep=1",
          method: "HEAD",
          header: [{ name: "X-Probe", value: ["esm"] }],
          interval: "1m30s",
          timeout: "5s",
          deregister_critical_service_after: "0s",
        },
      ]);
      expect(lifecycle).toEqual({ ignore_changes: ["check"] });
    });

    test("has brackets around the address of its check, if it is one of IPv6", () => {
      const { check } = synthChecked(ExternalHealthCheck.tcp(), { address: "2001:db8::7" });
      expect(check).toMatchObject([{ tcp: "[2001:db8::7]:5432", name: "db tcp" }]);
    });

    test("is another instance as soon as its check is another one", () => {
      const idOf = (check?: ExternalHealthCheck) => synthChecked(check).service_id;
      const tcp = idOf(ExternalHealthCheck.tcp());
      expect(idOf(ExternalHealthCheck.tcp({ interval: "10s" }))).toBe(tcp);
      expect(idOf(ExternalHealthCheck.tcp({ interval: "11s" }))).not.toBe(tcp);
      expect(idOf()).toBeUndefined();
    });

    test("can be at an address that only Terraform knows, which then knows whether it is another instance", () => {
      const address = Fn.trimspace(" db.example ");
      const { service_id, check } = synthChecked(ExternalHealthCheck.tcp(), { address });
      expect(service_id).toMatch(/^db-\$\{substr\(sha1\(jsonencode\(.*trimspace\(.*\)\), 0, 8\)\}$/);
      expect(check).toMatchObject([{ tcp: '${trimspace(" db.example ")}:5432' }]);
    });

    test("answers pings too, if it says so", () => {
      const { terraform } = synthEgress({ probe: true });
      expect(Object.values(terraform.resource?.consul_node ?? {})).toMatchObject([
        { meta: { "external-node": "true", "external-probe": "true" } },
      ]);
    });

    test("is refused where something else registers it, with an interval that is too short, and with a wrong path", () => {
      const healthCheck = ExternalHealthCheck.tcp();
      expect(() => synthEgress({ address: undefined, port: undefined, inCatalog: true, healthCheck })).toThrow(
        "stack/mesh/db: healthCheck has no effect. Set it where the instances are registered.",
      );
      expect(() => synthChecked(ExternalHealthCheck.tcp({ interval: "500ms" }))).toThrow(
        "Use a longer one: Consul ESM checks at most once a second.",
      );
      expect(() => ExternalHealthCheck.http("health")).toThrow(
        'An HTTP health check cannot pass: The path "health" does not begin with a slash. Write "/health".',
      );
    });
  });

  test("may have another name, and its node too", () => {
    const { terraform, entries } = synthEgress({ serviceName: "billing-db", nodeName: "rds" });
    expect(Object.values(terraform.resource?.consul_node ?? {})).toMatchObject([{ name: "rds" }]);
    expect(Object.values(terraform.resource?.consul_service ?? {})).toMatchObject([{ name: "billing-db" }]);
    expect(entries).toHaveProperty("service-defaults/billing-db");
  });

  test("has defaults and intentions like any other service", () => {
    const { entries } = synthEgress({ protocol: Protocol.HTTP, serviceDefaults: { MaxInboundConnections: 7 } });
    expect(entries["service-defaults/db"]).toEqual({
      Kind: "service-defaults",
      Name: "db",
      Protocol: "http",
      TransparentProxy: {},
      MaxInboundConnections: 7,
    });
    expect(entries["service-intentions/db"]).toMatchObject({
      Sources: [{ Name: "web", Action: "allow", Type: "consul", Precedence: 9 }],
    });
  });

  test("is connected to like any other service", () => {
    const { jobs } = synthEgress();
    expect(serviceOf(jobs.web).Connect?.SidecarService?.Proxy?.Upstreams).toEqual([
      { DestinationName: "db", LocalBindPort: expect.any(Number) as unknown },
    ]);
    expect(taskOf(jobs.web).Env).toEqual({ DB: "${NOMAD_UPSTREAM_ADDR_db}" });
  });

  test("is found by its name too, and may be asked for some requests only", () => {
    const { entries, jobs } = synthMesh((mesh) => {
      mesh
        .addService("web", { port: 8000, publish: 8000, workload: anyWorkload })
        .connectTo("api", { env: "API", permissions: [HttpPermission.get("/v1")] });
      mesh
        .addTerminatingGateway("egress")
        .addService(mesh.addExternalService("api", { ...plain, protocol: Protocol.HTTP }));
    });
    expect(taskOf(jobs.web).Env).toEqual({ API: "http://${NOMAD_UPSTREAM_ADDR_api}" });
    expect(entries["service-intentions/api"]).toMatchObject({
      Sources: [{ Name: "web", Permissions: [{ HTTP: { PathExact: "/v1" } }, { HTTP: { PathPrefix: "/v1/" } }] }],
    });
  });

  test("lets somebody in without knowing how it is found", () => {
    const { entries } = synthMesh((mesh) => {
      const db = mesh.addExternalService("db", plain);
      mesh.addTerminatingGateway("egress").addService(db);
      mesh.addService("web", { port: 8000, publish: 8000, workload: anyWorkload }).addUpstream(db);
      db.allowFrom("web", { description: "reports" });
    });
    expect(entries["service-intentions/db"]).toMatchObject({ Sources: [{ Name: "web", Description: "reports" }] });
  });

  test("may be in another stack than its mesh", () => {
    const stack = new TestStack();
    const mesh = new ServiceMesh(stack, "mesh");
    const egress = new TerminatingGateway(stack, "egress", { mesh });
    egress.addService(new ExternalService(stack, "db", { ...plain, mesh }));
    expect(synthStack(stack).entries).toHaveProperty("service-defaults/db");
  });
});

describe("its job", () => {
  test("is an Envoy in a network of its own, on a port that Nomad chooses", () => {
    const { jobs } = synthEgress({}, { count: 2, connectTimeout: "1s" });
    expect(groupOf(jobs.egress)).toMatchObject({ Count: 2, Networks: [{ Mode: "bridge" }] });
    expect(serviceOf(jobs.egress)).toMatchObject({
      Name: "egress",
      Checks: [{ Name: "egress listens", Type: "tcp" }],
      Connect: { Gateway: { Proxy: { ConnectTimeout: 1e9 } } },
    });
    expect(serviceOf(jobs.egress).PortLabel).toBeUndefined();
    expect(only(groupOf(jobs.egress).Tasks)).toMatchObject({
      Name: "connect-terminating-egress",
      Kind: "connect-terminating:egress",
      Driver: "docker",
      Config: {
        image: "${meta.connect.gateway_image}",
        args: [
          ...["-c", "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json"],
          ...["-l", "${meta.connect.log_level}"],
          ...["--concurrency", "${meta.connect.proxy_concurrency}"],
          "--disable-hot-restart",
          ...[
            "--config-yaml",
            expect.stringContaining(
              '{"upstream.healthy_panic_threshold":0,"outlier_detection.max_ejection_percent":50}',
            ) as string,
          ],
        ],
      },
      Resources: { CPU: 250, MemoryMB: 128 },
      ShutdownDelay: 5e9,
      Constraints: [
        { LTarget: "${attr.consul.version}", Operand: "semver", RTarget: ">= 1.8.0" },
        { LTarget: "${attr.consul.grpc}", Operand: ">", RTarget: "0" },
      ],
    });
  });

  test("resolves names by the name servers that it is given", () => {
    const { jobs } = synthEgress({}, { dns: Dns.consul({ options: ["timeout:1"] }), sidecar: Sidecar.docker() });
    expect(groupOf(jobs.egress).Networks).toMatchObject([
      { Mode: "bridge", DNS: { Servers: ["${attr.unique.consul.dns.addr}"], Options: ["timeout:1"] } },
    ]);
  });

  test("has a config entry that says the same as Nomad's, which goes with the gateway and comes before its job", () => {
    const stack = synthEgress(
      { tls: { caFile: "secrets/ca.pem", sni: "db.example" }, plaintext: undefined },
      { templates: [file("ca.pem")] },
    );
    expect(linkedIn(stack)).toMatchObject([{ Name: "db", SNI: "db.example" }]);
    expect(stack.entries["terminating-gateway/egress"]).toMatchObject({ Services: linkedIn(stack) });
    expect(stack.terraform.resource?.nomad_job.egress.depends_on).toContain(
      "consul_config_entry.terminating-gateway_egress",
    );
  });

  test("leads to several services", () => {
    const { jobs } = synthMesh((mesh) => {
      const egress = mesh.addTerminatingGateway("egress");
      egress.addService(mesh.addExternalService("one", plain));
      egress.addService(mesh.addExternalService("two", plain));
    });
    expect(serviceOf(jobs.egress).Connect?.Gateway?.Terminating?.Services).toEqual([{ Name: "one" }, { Name: "two" }]);
  });

  test("leads once to a service that is added twice, since Consul refuses the second", () => {
    const { jobs } = synthMesh((mesh) => {
      const egress = mesh.addTerminatingGateway("egress");
      const service = mesh.addExternalService("one", plain);
      egress.addService(service);
      egress.addService(service);
    });
    expect(serviceOf(jobs.egress).Connect?.Gateway?.Terminating?.Services).toEqual([{ Name: "one" }]);
  });

  test("brings the files that Envoy reads", () => {
    const { jobs } = synthEgress(
      {},
      {
        templates: [file("ca.pem")],
        volumes: { certs: Volume.host("certs") },
        volumeMounts: [{ volume: "certs", destination: "/certs" }],
      },
    );
    expect(taskOf(jobs.egress, "connect-terminating-egress")).toMatchObject({
      Templates: [{ DestPath: "secrets/ca.pem" }],
      VolumeMounts: [{ Volume: "certs", Destination: "/certs" }],
    });
  });
});

describe("TLS to the service", () => {
  const tls = { caFile: "secrets/ca.pem", sni: "db.example", certFile: "secrets/own.pem", keyFile: "secrets/own.key" };
  const templates = ["ca.pem", "own.pem", "own.key"].map(file);

  test.each([
    ["docker", Sidecar.docker(), "/"],
    ["exec", Sidecar.exec({ driver: "exec" }), "/"],
    ["raw_exec, where Envoy starts in the folder of the allocation", Sidecar.exec(), "connect-terminating-egress/"],
  ])("names the templates' files as Envoy sees them under %s", (_, sidecar, prefix) => {
    expect(linkedIn(synthEgress({ plaintext: undefined, tls }, { templates, sidecar }))).toEqual([
      {
        Name: "db",
        CAFile: `${prefix}secrets/ca.pem`,
        CertFile: `${prefix}secrets/own.pem`,
        KeyFile: `${prefix}secrets/own.key`,
        SNI: "db.example",
      },
    ]);
  });

  test("takes an absolute path as it is", () => {
    const absolute = { caFile: "/etc/ssl/ca.pem", sni: "db.example" };
    expect(linkedIn(synthEgress({ plaintext: undefined, tls: absolute }))).toEqual([
      { Name: "db", CAFile: "/etc/ssl/ca.pem", SNI: "db.example" },
    ]);
  });

  test("expects the name by which the service is addressed, unless told another", () => {
    const named = { plaintext: undefined, address: "db.example.com" };
    expect(linkedIn(synthEgress({ ...named, tls: { caFile: "/ca.pem" } }))).toMatchObject([{ SNI: "db.example.com" }]);
    expect(linkedIn(synthEgress({ ...named, tls: { caFile: "/ca.pem", sni: "other" } }))).toMatchObject([
      { SNI: "other" },
    ]);
  });
});

describe("permissions on requests of a service outside", () => {
  const envoyOf = (permissions?: HttpPermission[], meshConfig?: MeshConfig) => {
    const { jobs } = synthMesh(
      (mesh) => {
        const page = mesh.addExternalService("page", { ...plain, protocol: Protocol.HTTP });
        mesh.addTerminatingGateway("egress").addService(page);
        const web = mesh.addService("web", { port: 8000, publish: 8000, workload: anyWorkload });
        web.connectTo(page, { permissions });
      },
      { meshConfig },
    );
    return (taskOf(jobs.egress, "connect-terminating-egress").Config?.args as string[]).join(" ");
  };

  test("have its Envoy bring paths into their usual form, which Consul tells those of services only", () => {
    expect(envoyOf([HttpPermission.get("/a")])).toContain(
      '"http_connection_manager.normalize_path":100,"http_connection_manager.path_with_escaped_slashes_action":4',
    );
    expect(
      envoyOf([HttpPermission.get("/a")], {
        requestNormalization: { pathWithEscapedSlashes: "REJECT_REQUEST", insecureDisablePathNormalization: true },
      }),
    ).toContain(
      '"http_connection_manager.normalize_path":0,"http_connection_manager.path_with_escaped_slashes_action":2',
    );
  });

  test("are needed for that", () => {
    expect(envoyOf()).not.toContain("normalize_path");
    expect(envoyOf([HttpPermission.get("/a")], { requestNormalization: false })).not.toContain("normalize_path");
  });
});
