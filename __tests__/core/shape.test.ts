import { Fn, TerraformVariable } from "cdktf";
import {
  Affinity,
  ApiGatewayListener,
  Constraint,
  Duration,
  GatewayCertificate,
  HashPolicy,
  HealthCheck,
  HttpPermission,
  JobKind,
  LoadBalancer,
  Port,
  Protocol,
  ServiceMesh,
  Sidecar,
  Spread,
  Template,
  Tracing,
  Volume,
  Workload,
  type MeshService,
} from "../../constructs";
import { TestStack } from "../support/synth";

const image = "a:1";
const base = { port: 8080, protocol: Protocol.HTTP, workload: Workload.docker({ image }) };

/** What a program in plain JavaScript can give. */
const wrong = (value: unknown) => value as never;

function mesh() {
  return new ServiceMesh(new TestStack(), "mesh");
}

/** What is reported of the props of a service. */
function refusal(props: Readonly<Record<string, unknown>>): string {
  return messageOf(() => mesh().addService("web", { ...base, ...props }));
}

/** What is reported of something done to a service. */
function refusalOf(act: (web: MeshService, api: MeshService, of: ServiceMesh) => unknown): string {
  const of = mesh();
  const [web, api] = ["web", "api"].map((name) => of.addService(name, base));
  return messageOf(() => act(web, api, of));
}

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as Error).message;
  }
  return "nothing";
}

const DURATION = 'a number and a unit (ns, us, ms, s, m, h), such as "30s" or "1m30s". Correct it.';
const task = (options: Readonly<Record<string, unknown>>) => ({
  workload: Workload.docker(wrong({ image, ...options })),
});
const check = (options: Readonly<Record<string, unknown>>) => ({ healthCheck: HealthCheck.http("/", wrong(options)) });

test.each<[Readonly<Record<string, unknown>>, string]>([
  [{ port: "8080" }, 'port is "8080"; expected a number. Use a number.'],
  [{ port: undefined }, "port is not set; expected a value. Set it."],
  [{ workload: undefined }, "workload is not set; expected a value. Set it."],
  [
    { workload: { image } },
    'workload is {"image":"a:1"}; expected a Workload, such as Workload.docker({ image }). Create it with the builder.',
  ],
  [{ count: "3" }, 'count is "3"; expected a number. Use a number.'],
  [{ tags: "a" }, 'tags is "a"; expected a list. Use a list.'],
  [{ tags: ["a", 1] }, "tags[1] is 1; expected a string. Use a string."],
  [{ tags: ["a", null] }, "tags[1] is not set; expected a value. Omit the item."],
  [{ meta: ["a"] }, 'meta is ["a"]; expected an object. Use an object with a value for each key.'],
  [{ meta: { a: 1 } }, "meta.a is 1; expected a string. Use a string."],
  [{ connectNative: "yes" }, 'connectNative is "yes"; expected true or false. Use one of them.'],
  [{ protocol: "https" }, 'protocol is "https"; expected "tcp", "http", "http2" or "grpc". Use one of them.'],
  [{ networkMode: "nat" }, 'networkMode is "nat"; expected "bridge", "host" or "none". Use one of them.'],
  [{ update: { maxParallel: "1" } }, 'update.maxParallel is "1"; expected a number. Use a number.'],
  [{ update: 1 }, "update is 1; expected an object. Use an object."],
  [
    { update: { healthCheck: "check" } },
    'update.healthCheck is "check"; expected "checks", "task_states" or "manual". Use one of them.',
  ],
  [{ update: { minHealthyTime: 30 } }, `update.minHealthyTime is 30; expected ${DURATION}`],
  [{ shutdownDelay: "3 s" }, `shutdownDelay is "3 s"; expected ${DURATION}`],
  [
    { addressMode: "node" },
    'addressMode is "node"; expected "auto", "host", "alloc" or "alloc_ipv6". Use one of them.',
  ],
  [check({ interval: "2" }), `healthCheck.interval is "2"; expected ${DURATION}`],
  [check({ method: "FETCH" }), 'healthCheck.method is "FETCH"; expected "GET", "HEAD", '],
  [check({ onUpdate: "ok" }), 'healthCheck.onUpdate is "ok"; expected "require_healthy", '],
  [{ healthCheck: [HealthCheck.tcp({ timeout: "x" })] }, `healthCheck[0].timeout is "x"; expected ${DURATION}`],
  [{ healthCheck: HealthCheck.http(wrong(undefined)) }, "healthCheck.path is not set; expected a value."],
  [task({ image: 1 }), "workload.image is 1; expected a string. Use a string."],
  [task({ killSignal: "TERM" }), 'workload.killSignal is "TERM"; expected "SIGABRT", '],
  [task({ killTimeout: "soon" }), `workload.killTimeout is "soon"; expected ${DURATION}`],
  [task({ env: { A: 1 } }), "workload.env.A is 1; expected a string. Use a string."],
  [task({ lifecycle: { hook: "start" } }), 'workload.lifecycle.hook is "start"; expected "prestart", '],
  [task({ resources: { memoryMib: "64" } }), 'workload.resources.memoryMib is "64"; expected a number.'],
  [task({ artifacts: [{ destination: "local/" }] }), "workload.artifacts[0].source is not set; expected a value."],
  [
    task({ volumeMounts: [{ volume: "a", destination: "/a", propagationMode: "shared" }] }),
    'workload.volumeMounts[0].propagationMode is "shared"; expected "private", "host-to-task" or "bidirectional".',
  ],
  [
    task({ templates: [Template.text("x", { destination: "local/x", splay: "5 s" })] }),
    `workload.templates[0].splay is "5 s"; expected ${DURATION}`,
  ],
  [{ tasks: { logs: {} } }, "tasks.logs is {}; expected a Workload, such as Workload.docker({ image })."],
  [{ sidecar: Sidecar.docker({ logLevel: wrong("verbose") }) }, 'sidecar.logLevel is "verbose"; expected "trace", '],
  [
    { sidecar: Sidecar.exec({ driver: wrong("docker") }) },
    'sidecar.driver is "docker"; expected "exec" or "raw_exec".',
  ],
  [
    { volumes: { data: Volume.csi("data", { accessMode: wrong("rw") }) } },
    'volumes.data.accessMode is "rw"; expected "single-node-reader-only", ',
  ],
  [
    { volumes: { data: Volume.host("data", { attachmentMode: wrong("fs") }) } },
    'volumes.data.attachmentMode is "fs"; expected "file-system" or "block-device". Use one of them.',
  ],
  [{ ports: { http: 80 } }, "ports.http is 80; expected a Port, such as Port.static(80). Create it with the builder."],
  [{ ports: { http: Port.static(wrong("80")) } }, 'ports.http.value is "80"; expected a number. Use a number.'],
  [
    { constraints: [Constraint.of("${node.class}", wrong("~"), "a")] },
    'constraints[0].operator is "~"; expected "=", ',
  ],
  [{ affinities: [Affinity.of("${node.class}", wrong("is_set"), "a")] }, 'affinities[0].operator is "is_set"; '],
  [{ affinities: [Affinity.equals("${node.class}", "a", wrong("5"))] }, 'affinities[0].weight is "5"; '],
  [{ spreads: [Spread.over("${node.class}", { a: wrong("5") })] }, 'spreads[0].targets.a is "5"; expected a number.'],
  [{ kind: "batch" }, 'kind is "batch"; expected a JobKind, such as JobKind.batch(). Create it with the builder.'],
  [{ kind: JobKind.periodic({ crons: wrong("@daily") }) }, 'kind.crons is "@daily"; expected a list. Use a list.'],
  [{ override: "x" }, 'override is "x"; expected an object'],
])("%j is refused where it is given", (props, message) => {
  expect(refusal(props)).toContain(`stack/mesh/web: ${message}`);
});

test.each<[string, (web: MeshService, api: MeshService, of: ServiceMesh) => unknown, string]>([
  [
    "an upstream",
    (web, api) => web.addUpstream(api, wrong({ localBindPort: "80" })),
    'web: upstream "api" > localBindPort is "80";',
  ],
  [
    "a connection",
    (web, api) => web.connectTo(api, wrong({ meshGateway: "any", permissions: [] })),
    'web: upstream "api" > meshGateway is "any"; expected "none", "local" or "remote". Use one of them.',
  ],
  [
    "a permission",
    (web, api) => web.connectTo(api, wrong({ permissions: [HttpPermission.allow({ methods: [wrong("FETCH")] })] })),
    'web: intention "api" > permissions[0].methods[0] is "FETCH"; expected "GET", "HEAD", ',
  ],
  [
    "a resolver",
    (web) => web.resolve(wrong({ requestTimeout: 5 })),
    `web: resolve.requestTimeout is 5; expected ${DURATION}`,
  ],
  [
    "a load balancer",
    (web) => web.resolve(wrong({ loadBalancer: LoadBalancer.maglev([HashPolicy.cookie("a", { ttl: "1 h" })]) })),
    `web: resolve.loadBalancer.hashPolicies[0].ttl is "1 h"; expected ${DURATION}`,
  ],
  [
    "a route",
    (web) => web.route(wrong({ retries: { on: ["any"] } })),
    'web: route.retries.on[0] is "any"; expected "5xx", ',
  ],
  [
    "a split",
    (web, api) => web.split(wrong([{ to: api, weight: "100" }])),
    'web: split[0].weight is "100"; expected a number.',
  ],
  [
    "a gateway",
    (_, __, of) => of.addMeshGateway("m", wrong({ port: "1" })),
    'm: port is "1"; expected a number. Use a number.',
  ],
  [
    "a listener",
    (_, __, of) => of.addApiGateway("g", { listeners: [ApiGatewayListener.http({ port: wrong("80") })] }),
    'g: listeners[0].port is "80"; expected a number. Use a number.',
  ],
  [
    "a service outside",
    (_, __, of) => of.addExternalService("db", wrong({ address: "192.0.2.1", port: "5432", plaintext: "A test." })),
    'db: port is "5432"; expected a number. Use a number.',
  ],
])("a wrong value of %s is refused where it is given", (_, act, message) => {
  expect(refusalOf(act)).toContain(`stack/mesh/${message}`);
});

test("all that is wrong with a connection is said at once, of its upstream and of its intention", () => {
  const options = wrong({ localBindPort: "80", permissions: [1], permision: [] });
  expect(refusalOf((web, api) => web.connectTo(api, options))).toMatch(
    /connection "api" > permision is .* upstream "api" > localBindPort is .* intention "api" > permissions\[0\] is /,
  );
});

test("all that is wrong with the props of a construct is said at once", () => {
  expect(refusal({ count: "3", shutdownDelay: "x", tags: 1 })).toMatch(/count is .* shutdownDelay is .* tags is /);
});

describe("a property that there is not is refused where it is given", () => {
  test.each<[string, () => string, string]>([
    [
      "of a service, with all else that is wrong",
      () => refusal({ healtCheck: HealthCheck.tcp(), count: "3" }),
      'web: healtCheck is set; it is not a known property. Did you mean "healthCheck"? count is "3"; expected a number.',
    ],
    [
      "of a block",
      () => refusal({ update: { maxParalel: 1 } }),
      'web: update.maxParalel is set; it is not a known property. Did you mean "maxParallel"?',
    ],
    [
      "of a builder",
      () => refusal({ workload: Workload.docker(wrong({ image, killtimeout: "1s" })) }),
      'web: workload.killtimeout is set; it is not a known property. Did you mean "killTimeout"?',
    ],
    [
      "of a connection",
      () => refusalOf((web, api) => web.connectTo(api, wrong({ permisions: [] }))),
      'web: connection "api" > permisions is set; it is not a known property. Did you mean "permissions"?',
    ],
    [
      "of a service in a group",
      () =>
        refusalOf((_, __, of) =>
          of
            .addJob("job")
            .addGroup("group", { tasks: { a: base.workload } })
            .addService("page", wrong({ prot: 1 })),
        ),
      'job/group: service "page" > prot is set; it is not a known property. Did you mean "port"?',
    ],
    [
      "that is like none",
      () => refusal({ replicas: 3 }),
      "web: replicas is set; it is not a known property. Known names: ",
    ],
  ])("%s", (_, act, message) => {
    expect(act()).toContain(`stack/mesh/${message}`);
  });

  test("without showing what may be a secret", () => {
    const tls = { certificates: [GatewayCertificate.inline(wrong({ certificate: "c", privateKeys: "hush" }))] };
    const said = refusalOf((_, __, of) =>
      of.addApiGateway("g", { listeners: [ApiGatewayListener.http({ port: 80, tls })] }),
    );
    expect(said).toContain("certificates[0].privateKeys is set; it is not a known property.");
    expect(said).toContain("privateKey is not set;");
    expect(said).not.toContain("hush");
  });

  test("but may be undefined", () => {
    expect(refusal({ replicas: undefined })).toBe("nothing");
  });
});

test("a wrong value of a mesh is refused", () => {
  expect(messageOf(() => new ServiceMesh(new TestStack(), "mesh", { priority: wrong("9") }))).toBe(
    'stack/mesh: priority is "9"; expected a number. Use a number.',
  );
});

test("lengths of time may be of either kind", () => {
  const props = {
    shutdownDelay: Duration.seconds(5),
    restart: { interval: "1m", delay: Duration.milliseconds(500) },
    healthCheck: HealthCheck.http("/", { interval: Duration.seconds(10), timeout: "2s" }),
  };
  expect(refusal(props)).toBe("nothing");
});

describe("what must be literal is said in one sentence", () => {
  const stack = new TestStack();
  const variable = (name: string, type: string) => new TerraformVariable(stack, name, { type });
  const [number, text, map] = [
    variable("n", "number").numberValue,
    variable("t", "string").stringValue,
    variable("m", "any"),
  ];
  const why = "Use a literal number: it is part of Envoy's configuration in the job.";

  test.each<[string, () => string, string]>([
    ["a port", () => refusal({ port: number }), `port is known only to Terraform; expected a literal value. ${why}`],
    [
      "a local port",
      () => refusalOf((web, api) => web.connectTo(api, wrong({ localBindPort: number }))),
      `upstream "api" > localBindPort is known only to Terraform; expected a literal value. ${why}`,
    ],
    [
      "a listener's port",
      () => refusalOf((_, __, of) => of.addApiGateway("g", { listeners: [ApiGatewayListener.http({ port: number })] })),
      `listeners[0].port is known only to Terraform; expected a literal value. ${why}`,
    ],
    [
      "the address of a collector",
      () => messageOf(() => Tracing.otlp({ address: text })),
      "The address of a collector is known only to Terraform. Use a literal address: Envoy needs host and port separately.",
    ],
    [
      "the text of a length of time",
      () => refusal({ shutdownDelay: text }),
      "shutdownDelay is known only to Terraform; expected a literal string or a Duration. Use a number: Duration.seconds(variable.numberValue).",
    ],
    [
      "names of volumes",
      () => refusal({ volumes: Fn.merge([map.value]) as unknown }),
      "volumes is known only to Terraform; expected a literal value. Use literal names: they become names in the job.",
    ],
    [
      "the name of a port",
      () => refusal({ ports: { [text]: Port.dynamic() } }),
      "ports is an object with a key that is known only to Terraform; expected literal keys. Use literal names: they become names in the job.",
    ],
    [
      "the destination's datacenter",
      () => refusalOf((web, api) => web.connectTo(api, wrong({ datacenter: text }))),
      'upstream "api" > datacenter is known only to Terraform; expected a literal value. Use a literal name: the graph is built from names.',
    ],
  ])("%s", (_, act, message) => {
    expect(act()).toContain(message);
    expect(act()).not.toMatch(/e\+\d|TfToken/);
  });
});
