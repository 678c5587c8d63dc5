import {
  Affinity,
  Constraint,
  HealthCheck,
  Sidecar,
  Spread,
  Template,
  Volume,
  Workload,
  type MeshServiceBaseProps,
  type nomad,
  type ResourceOptions,
  type TransparentProxyOptions,
} from "../../constructs";
import { groupOf, only, serviceOf, taskOf } from "../support/job";
import { synthMesh } from "../support/synth";
import { anyWorkload } from "../support/workload";

function jobOf(props: Partial<MeshServiceBaseProps> = {}): nomad.Job {
  return synthMesh((mesh) => mesh.addService("web", { port: 8000, workload: anyWorkload, ...props })).jobs.web;
}

const SECOND = 1e9;

describe("the job", () => {
  test("is a service job on any datacenter, in bridge mode, with the port as a number", () => {
    const job = jobOf();
    expect(job).toMatchObject({ ID: "web", Name: "web", Type: "service", Datacenters: ["*"] });
    expect(groupOf(job)).toMatchObject({ Name: "web", Count: 1, Networks: [{ Mode: "bridge" }] });
    expect(serviceOf(job)).toMatchObject({ Name: "web", PortLabel: "8000", Provider: "consul" });
  });

  test("goes where the service says, else where the mesh says", () => {
    const place = { nomadDatacenters: ["east"], region: "eu", namespace: "shop", nodePool: "fast", priority: 70 };
    const rendered = { Datacenters: ["east"], Region: "eu", Namespace: "shop", NodePool: "fast", Priority: 70 };
    expect(jobOf(place)).toMatchObject(rendered);
    const { jobs } = synthMesh((mesh) => {
      mesh.addService("plain", { port: 1, workload: anyWorkload });
      mesh.addService("picky", { port: 2, workload: anyWorkload, namespace: "own" });
    }, place);
    expect(jobs.plain).toMatchObject(rendered);
    expect(jobs.picky).toMatchObject({ ...rendered, Namespace: "own" });
  });

  test("has as many instances as asked", () => {
    expect(groupOf(jobOf({ count: 3 })).Count).toBe(3);
  });

  test("publishes a static port of the node", () => {
    expect(groupOf(jobOf({ publish: 80 })).Networks).toEqual([
      { Mode: "bridge", ReservedPorts: [{ Label: "published", Value: 80, To: 8000 }] },
    ]);
  });

  test("carries tags, canary tags and metadata", () => {
    const job = jobOf({
      tags: ["v1"],
      canaryTags: ["canary"],
      meta: { version: "1" },
      canaryMeta: { version: "2" },
      jobMeta: { team: "shop" },
    });
    expect(serviceOf(job)).toMatchObject({
      Tags: ["v1"],
      CanaryTags: ["canary"],
      Meta: { version: "1" },
      CanaryMeta: { version: "2" },
    });
    expect(job.Meta).toEqual({ team: "shop" });
  });

  test("renders each field of the update policy", () => {
    const update = {
      maxParallel: 2,
      healthCheck: "task_states",
      minHealthyTime: "1s",
      healthyDeadline: "2s",
      progressDeadline: "30s",
      autoRevert: true,
      autoPromote: false,
      canary: 1,
      stagger: "4s",
    } as const;
    expect(groupOf(jobOf({ update })).Update).toEqual({
      MaxParallel: 2,
      HealthCheck: "task_states",
      MinHealthyTime: SECOND,
      HealthyDeadline: 2 * SECOND,
      ProgressDeadline: 30 * SECOND,
      AutoRevert: true,
      AutoPromote: false,
      Canary: 1,
      Stagger: 4 * SECOND,
    });
  });

  test("renders each field of the restart policy", () => {
    const restart = { attempts: 4, interval: "10s", delay: "2s", mode: "delay", renderTemplates: true } as const;
    expect(groupOf(jobOf({ restart })).RestartPolicy).toEqual({
      Attempts: 4,
      Interval: 10 * SECOND,
      Delay: 2 * SECOND,
      Mode: "delay",
      RenderTemplates: true,
    });
  });

  test("has a task that ends start again at once, its Envoy too, and gives up in time", () => {
    const policy = { Attempts: 10, Interval: 30 * 60 * SECOND, Delay: SECOND, Mode: "fail" };
    expect(groupOf(jobOf()).RestartPolicy).toEqual(policy);
    expect(groupOf(jobOf({ restart: { attempts: 3 } })).RestartPolicy).toEqual({ ...policy, Attempts: 3 });
  });

  test("renders each field of the reschedule policy", () => {
    const reschedule = {
      attempts: 5,
      interval: "60s",
      delay: "6s",
      delayFunction: "fibonacci",
      maxDelay: "9s",
      unlimited: false,
    } as const;
    expect(groupOf(jobOf({ reschedule })).ReschedulePolicy).toEqual({
      Attempts: 5,
      Interval: 60 * SECOND,
      Delay: 6 * SECOND,
      DelayFunction: "fibonacci",
      MaxDelay: 9 * SECOND,
      Unlimited: false,
    });
  });

  test("drains for the shutdown delay", () => {
    expect(groupOf(jobOf({ shutdownDelay: "15s" })).ShutdownDelay).toBe(15 * SECOND);
    expect(groupOf(jobOf()).ShutdownDelay).toBe(3 * SECOND);
  });

  test("has constraints, affinities and spreads", () => {
    const group = groupOf(
      jobOf({
        constraints: [
          Constraint.equals("${attr.cpu.arch}", "amd64"),
          Constraint.notEquals("${meta.rack}", "r1"),
          Constraint.matches("${node.class}", "^web"),
          Constraint.version("${attr.nomad.version}", ">= 1.8"),
          Constraint.isSet("${attr.driver.docker}"),
          Constraint.distinctHosts(),
          Constraint.distinctProperty("${meta.rack}", 2),
        ],
        affinities: [Affinity.equals("${node.datacenter}", "dc1", -20), Affinity.of("${meta.disk}", ">", "1", 10)],
        spreads: [Spread.over("${meta.rack}", { r1: 60, r2: 40 }, 80)],
      }),
    );
    expect(group.Constraints).toEqual([
      { LTarget: "${attr.cpu.arch}", Operand: "=", RTarget: "amd64" },
      { LTarget: "${meta.rack}", Operand: "!=", RTarget: "r1" },
      { LTarget: "${node.class}", Operand: "regexp", RTarget: "^web" },
      { LTarget: "${attr.nomad.version}", Operand: "version", RTarget: ">= 1.8" },
      { LTarget: "${attr.driver.docker}", Operand: "is_set" },
      { Operand: "distinct_hosts", RTarget: "true" },
      { LTarget: "${meta.rack}", Operand: "distinct_property", RTarget: "2" },
    ]);
    expect(group.Affinities).toEqual([
      { LTarget: "${node.datacenter}", Operand: "=", RTarget: "dc1", Weight: -20 },
      { LTarget: "${meta.disk}", Operand: ">", RTarget: "1", Weight: 10 },
    ]);
    expect(group.Spreads).toEqual([
      {
        Attribute: "${meta.rack}",
        Weight: 80,
        SpreadTarget: [
          { Value: "r1", Percent: 60 },
          { Value: "r2", Percent: 40 },
        ],
      },
    ]);
  });

  test("has volumes, by the name under which tasks mount them", () => {
    const group = groupOf(
      jobOf({
        volumes: { data: Volume.host("ssd", { readOnly: true }), shared: Volume.csi("nfs", { perAlloc: true }) },
        workload: Workload.docker({
          image: "x",
          volumeMounts: [{ volume: "data", destination: "/data", readOnly: true }],
        }),
      }),
    );
    expect(group.Volumes).toEqual({
      data: { Name: "data", Type: "host", Source: "ssd", ReadOnly: true },
      shared: {
        Name: "shared",
        Type: "csi",
        Source: "nfs",
        AccessMode: "single-node-writer",
        AttachmentMode: "file-system",
        PerAlloc: true,
      },
    });
    expect(only(group.Tasks).VolumeMounts).toEqual([{ Volume: "data", Destination: "/data", ReadOnly: true }]);
  });

  test("has several tasks, each with the environment of the connections", () => {
    const { jobs } = synthMesh((mesh) => {
      const api = mesh.addService("api", { port: 1, workload: anyWorkload });
      mesh
        .addService("web", {
          port: 8000,
          workload: anyWorkload,
          tasks: {
            migrate: Workload.exec({ command: "migrate", lifecycle: { hook: "prestart" } }),
            shipper: Workload.docker({ image: "shipper", lifecycle: { hook: "poststart", sidecar: true } }),
          },
        })
        .connectTo(api, { env: "API" });
    });
    expect(groupOf(jobs.web).Tasks?.map(({ Name }) => Name)).toEqual(["web", "migrate", "shipper"]);
    expect(taskOf(jobs.web, "migrate").Lifecycle).toEqual({ Hook: "prestart" });
    expect(taskOf(jobs.web, "shipper").Lifecycle).toEqual({ Hook: "poststart", Sidecar: true });
    for (const task of groupOf(jobs.web).Tasks ?? []) {
      expect(task.Env).toEqual({ API: "${NOMAD_UPSTREAM_ADDR_api}" });
    }
  });

  test("lets overrides have the last word at each level", () => {
    const job = jobOf({
      workload: Workload.docker({ image: "x", override: { KillTimeout: 1 } }),
      healthCheck: HealthCheck.http("/", { override: { TLSSkipVerify: true } }),
      sidecar: Sidecar.exec({ override: { Driver: "exec" }, serviceOverride: { Port: "proxy" } }),
      override: {
        job: { AllAtOnce: true },
        group: { PreventRescheduleOnLost: true },
        service: { EnableTagOverride: true },
      },
    });
    expect(job.AllAtOnce).toBe(true);
    expect(groupOf(job).PreventRescheduleOnLost).toBe(true);
    expect(serviceOf(job).EnableTagOverride).toBe(true);
    expect(serviceOf(job).Connect).toMatchObject({
      SidecarTask: { Driver: "exec" },
      SidecarService: { Port: "proxy" },
    });
    expect(only(serviceOf(job).Checks).TLSSkipVerify).toBe(true);
    expect(taskOf(job).KillTimeout).toBe(1);
  });
});

describe("a workload", () => {
  test("of docker has an image, command, arguments and whatever else the driver takes", () => {
    const workload = Workload.docker({
      image: "x:1",
      command: "run",
      args: ["-v"],
      entrypoint: ["/init"],
      config: { cap_add: ["net_admin"] },
    });
    expect(taskOf(jobOf({ workload }))).toMatchObject({
      Driver: "docker",
      Config: { image: "x:1", command: "run", args: ["-v"], entrypoint: ["/init"], cap_add: ["net_admin"] },
    });
  });

  test("of exec is isolated unless told otherwise", () => {
    expect(taskOf(jobOf({ workload: Workload.exec({ command: "/bin/x", args: ["y"] }) }))).toMatchObject({
      Driver: "exec",
      Config: { command: "/bin/x", args: ["y"] },
    });
    expect(taskOf(jobOf({ workload: Workload.exec({ command: "/bin/x", driver: "raw_exec" }) })).Driver).toBe(
      "raw_exec",
    );
  });

  test("of any other driver passes its configuration on", () => {
    const workload = Workload.driver("java", { jar_path: "app.jar" }, { user: "app" });
    expect(taskOf(jobOf({ workload }))).toMatchObject({ Driver: "java", Config: { jar_path: "app.jar" }, User: "app" });
  });

  test("renders each of its options", () => {
    const task = taskOf(
      jobOf({
        workload: Workload.docker({
          image: "x",
          env: { PORT: "8000" },
          resources: { cpuMhz: 500, memoryMib: 256, memoryMaxMib: 512 },
          artifacts: ["https://example.com/app.tar.gz"],
          user: "app",
          killTimeout: "30s",
          killSignal: "SIGTERM",
          shutdownDelay: "5s",
          leader: true,
          restart: { attempts: 1 },
          constraints: [Constraint.isSet("${attr.driver.docker}")],
          affinities: [Affinity.equals("${meta.a}", "b")],
          meta: { a: "b" },
        }),
      }),
    );
    expect(task).toMatchObject({
      Env: { PORT: "8000" },
      Resources: { CPU: 500, MemoryMB: 256, MemoryMaxMB: 512 },
      Artifacts: [{ GetterSource: "https://example.com/app.tar.gz" }],
      User: "app",
      KillTimeout: 30 * SECOND,
      KillSignal: "SIGTERM",
      ShutdownDelay: 5 * SECOND,
      Leader: true,
      RestartPolicy: { Attempts: 1 },
      Constraints: [{ LTarget: "${attr.driver.docker}", Operand: "is_set" }],
      Affinities: [{ LTarget: "${meta.a}", Operand: "=", RTarget: "b", Weight: 50 }],
      Meta: { a: "b" },
    });
  });

  test("can have cores of its own", () => {
    expect(taskOf(jobOf({ workload: Workload.docker({ image: "x", resources: { cores: 2 } }) })).Resources).toEqual({
      Cores: 2,
    });
  });

  test("renders templates from text and from artifacts", () => {
    const workload = Workload.docker({
      image: "x",
      templates: [
        Template.text("{{ key `a` }}", {
          destination: "local/a",
          changeMode: "signal",
          changeSignal: "SIGHUP",
          perms: "600",
          splay: "1s",
        }),
        Template.text("A=b", { destination: "local/a.env", env: true }),
        Template.source("local/b.tpl", { destination: "local/b", leftDelimiter: "[[", rightDelimiter: "]]" }),
      ],
    });
    expect(taskOf(jobOf({ workload })).Templates).toEqual([
      {
        EmbeddedTmpl: "{{ key `a` }}",
        DestPath: "local/a",
        ChangeMode: "signal",
        ChangeSignal: "SIGHUP",
        Perms: "600",
        Splay: SECOND,
      },
      { EmbeddedTmpl: "A=b", DestPath: "local/a.env", Envvars: true },
      { SourcePath: "local/b.tpl", DestPath: "local/b", LeftDelim: "[[", RightDelim: "]]" },
    ]);
  });
});

describe("a health check", () => {
  const checkOf = (healthCheck: HealthCheck, props: Partial<MeshServiceBaseProps> = {}) =>
    only(serviceOf(jobOf({ healthCheck, ...props })).Checks);

  test("over http goes through a path that Envoy exposes", () => {
    const check = HealthCheck.http("/health", { method: "HEAD", headers: { Host: ["web"] }, body: "x" });
    expect(checkOf(check)).toEqual({
      Name: "web http",
      Type: "http",
      Path: "/health",
      Method: "HEAD",
      Header: { Host: ["web"] },
      Body: "x",
      Interval: 2 * SECOND,
      Timeout: 2 * SECOND,
      Expose: true,
    });
  });

  test("over gRPC goes through the health protocol's own path", () => {
    expect(checkOf(HealthCheck.grpc({ service: "shop" }))).toMatchObject({
      Type: "grpc",
      GRPCService: "shop",
      Path: "/grpc.health.v1.Health/Check",
      Protocol: "http2",
      Expose: true,
    });
  });

  test("over tcp goes to the allocation's own address, of a service without a sidecar", () => {
    expect(checkOf(HealthCheck.tcp(), { connectNative: true })).toMatchObject({
      Type: "tcp",
      AddressMode: "alloc",
      PortLabel: "8000",
    });
  });

  test.each([
    ["health", 'The path "health" does not begin with a slash. Write "/health".'],
    ["", 'The path "" does not begin with a slash. Write "/".'],
    ["?full", 'The path "?full" does not begin with a slash. Write "/?full".'],
    ["http://127.0.0.1/health", '"http://127.0.0.1/health" is a URL, not a path. Omit scheme, host and port.'],
    ["//127.0.0.1/health", '"//127.0.0.1/health" is a URL, not a path. Omit scheme, host and port.'],
    ["/health#top", 'The path "/health#top" has a fragment, which is never sent. Omit # and what follows.'],
    ["/a b", 'The path "/a b" has the character " ". Percent-encode it, as in %20.'],
    ["/ü", 'The path "/ü" has the character "ü". Percent-encode it, as in %20.'],
    ["/100%", 'The path "/100%" has the character "%". Percent-encode it, as in %20.'],
    [
      "/a/../b",
      'The path "/a/../b" has a segment of dots, which is resolved before it is sent. Use the resolved path.',
    ],
  ])("by HTTP fails at once for the path %j, which nothing would answer", (path, problem) => {
    expect(() => HealthCheck.http(path)).toThrow(`An HTTP health check cannot pass: ${problem}`);
  });

  test.each(["/", "/health", "/v1/a%20b/.well-known/x;y=1,(z)", "/health?full=1", "/${NOMAD_ALLOC_ID}/health"])(
    "by HTTP takes the path %j",
    (path) => {
      expect(checkOf(HealthCheck.http(path), { connectNative: true }).Path).toBe(path);
    },
  );

  test("by script runs in the service's task, or in another", () => {
    expect(checkOf(HealthCheck.script("/bin/check", { args: ["-q"] }))).toMatchObject({
      Type: "script",
      Command: "/bin/check",
      Args: ["-q"],
      TaskName: "web",
      Interval: 10 * SECOND,
    });
    const tasks = { shipper: Workload.exec({ command: "/bin/cat" }) };
    expect(checkOf(HealthCheck.script("/bin/check", { task: "shipper" }), { tasks }).TaskName).toBe("shipper");
  });

  test("of a service without Envoy goes straight to it", () => {
    const check = checkOf(HealthCheck.http("/health"), { connectNative: true });
    expect(check).toMatchObject({ AddressMode: "alloc", PortLabel: "8000" });
    expect(check.Expose).toBeUndefined();
  });

  test("renders each of its options", () => {
    const check = HealthCheck.http("/check", {
      name: "listens",
      interval: "5s",
      timeout: "1s",
      successBeforePassing: 2,
      failuresBeforeCritical: 3,
      onUpdate: "ignore_warnings",
      checkRestart: { limit: 4, grace: "20s", ignoreWarnings: true },
    });
    expect(checkOf(check)).toMatchObject({
      Name: "listens",
      Interval: 5 * SECOND,
      Timeout: SECOND,
      SuccessBeforePassing: 2,
      FailuresBeforeCritical: 3,
      OnUpdate: "ignore_warnings",
      CheckRestart: { Limit: 4, Grace: 20 * SECOND, IgnoreWarnings: true },
    });
  });

  test("may be one of several", () => {
    const checks = serviceOf(jobOf({ healthCheck: [HealthCheck.script("/bin/x"), HealthCheck.http("/")] })).Checks;
    expect(checks?.map(({ Type }) => Type)).toEqual(["script", "http"]);
  });
});

describe("the sidecar", () => {
  const connectOf = (props: Partial<MeshServiceBaseProps>) => serviceOf(jobOf(props)).Connect;

  test("is Nomad's own unless something is asked of it", () => {
    expect(connectOf({})).toEqual({
      SidecarService: { Proxy: {} },
      // What Nomad gives to a sidecar of which a job says nothing.
      SidecarTask: {
        ShutdownDelay: SECOND,
        Resources: { CPU: 250, MemoryMB: 128 },
        LogConfig: { MaxFiles: 2, MaxFileSizeMB: 2 },
      },
    });
  });

  test("under Docker takes an image, a log level and threads", () => {
    expect(
      connectOf({ sidecar: Sidecar.docker({ image: "envoy:1", logLevel: "debug", concurrency: 2 }) }),
    ).toMatchObject({
      SidecarTask: {
        Config: {
          image: "envoy:1",
          args: [
            "-c",
            "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json",
            "-l",
            "debug",
            "--concurrency",
            "2",
            "--disable-hot-restart",
          ],
        },
      },
    });
  });

  test("as a program runs where Consul's socket is found, which the bootstrap names relatively", () => {
    expect(connectOf({ sidecar: Sidecar.exec() })).toMatchObject({
      SidecarTask: { Driver: "raw_exec", Config: { command: "envoy", work_dir: "${NOMAD_ALLOC_DIR}/.." } },
    });
    expect(connectOf({ sidecar: Sidecar.exec({ driver: "exec", command: "/opt/envoy" }) })?.SidecarTask).toMatchObject({
      Driver: "exec",
      Config: { command: "/opt/envoy" },
    });
  });

  test("renders each of its options", () => {
    const sidecar = Sidecar.docker({
      resources: { cpuMhz: 50, memoryMib: 64 },
      logs: { maxFiles: 3 },
      user: "101",
      driverConfig: { memory_hard_limit: 256 },
      killSignal: "SIGTERM",
      killTimeout: "3s",
      shutdownDelay: "4s",
      env: { A: "b" },
      meta: { c: "d" },
      tags: ["proxy"],
      serviceMeta: { e: "f" },
      portLabel: "envoy",
      config: { envoy_prometheus_bind_addr: "0.0.0.0:9102" },
      disableDefaultTcpCheck: true,
    });
    expect(connectOf({ sidecar })).toEqual({
      SidecarService: {
        Tags: ["proxy"],
        Port: "envoy",
        Meta: { e: "f" },
        DisableDefaultTCPCheck: true,
        Proxy: { Config: { envoy_prometheus_bind_addr: "0.0.0.0:9102" } },
      },
      SidecarTask: {
        Config: { memory_hard_limit: 256 },
        Resources: { CPU: 50, MemoryMB: 64 },
        User: "101",
        KillSignal: "SIGTERM",
        KillTimeout: 3 * SECOND,
        LogConfig: { MaxFiles: 3, MaxFileSizeMB: 2 },
        ShutdownDelay: 4 * SECOND,
        Env: { A: "b" },
        Meta: { c: "d", envoy_start: expect.stringMatching(/^\w{8}$/) as string },
      },
    });
  });

  test("has what Nomad gives to a sidecar for whatever of its resources is omitted", () => {
    const resourcesOf = (resources: ResourceOptions) =>
      connectOf({ sidecar: Sidecar.docker({ resources }) })?.SidecarTask?.Resources;
    expect(resourcesOf({ memoryMib: 64 })).toEqual({ CPU: 250, MemoryMB: 64 });
    expect(resourcesOf({ cpuMhz: 50 })).toEqual({ CPU: 50, MemoryMB: 128 });
  });

  test("has none of the service's tags if it is given none", () => {
    const tagsOf = (tags?: readonly string[]) => connectOf({ sidecar: Sidecar.docker({ tags }) })?.SidecarService?.Tags;
    // Consul reads an empty list as none given, and copies the service's.
    expect(tagsOf([])).toEqual([""]);
    expect(tagsOf()).toBeUndefined();
  });

  test("exposes paths on a port of the node", () => {
    const job = jobOf({ expose: [{ path: "/metrics", portLabel: "metrics", localPort: 9102 }] });
    expect(serviceOf(job).Connect?.SidecarService?.Proxy?.Expose).toEqual({
      Path: [{ Path: "/metrics", Protocol: "http", LocalPathPort: 9102, ListenerPort: "metrics" }],
    });
    expect(groupOf(job).Networks).toEqual([{ Mode: "bridge", DynamicPorts: [{ Label: "metrics", To: -1 }] }]);
  });

  test("may take all traffic, transparently", () => {
    const transparentProxy = {
      uid: "101",
      outboundPort: 15002,
      excludeInboundPorts: ["22"],
      excludeOutboundPorts: [443],
      excludeOutboundCidrs: ["10.0.0.0/8"],
      excludeUids: ["0"],
      noDns: true,
    };
    expect(connectOf({ transparentProxy })?.SidecarService?.Proxy?.TransparentProxy).toEqual({
      UID: "101",
      OutboundPort: 15002,
      ExcludeInboundPorts: ["22"],
      ExcludeOutboundPorts: [443],
      ExcludeOutboundCIDRs: ["10.0.0.0/8"],
      ExcludeUIDs: ["0"],
      NoDNS: true,
    });
  });

  test("restarts when its transparent proxy changes: Nomad redirects traffic only when an allocation starts", () => {
    const metaOf = (transparentProxy?: TransparentProxyOptions, meta?: Record<string, string>) =>
      connectOf({ transparentProxy, sidecar: Sidecar.docker({ meta }) })?.SidecarTask?.Meta;
    expect(metaOf()).toBeUndefined();
    expect(metaOf({})).toEqual({ transparent_proxy: "{}" });
    expect(metaOf({ uid: "1000" }, { team: "shop" })).toEqual({ transparent_proxy: '{"UID":"1000"}', team: "shop" });
  });

  test("is absent where the service speaks mutual TLS on its own", () => {
    const service = serviceOf(jobOf({ connectNative: true }));
    expect(service.Connect).toEqual({ Native: true });
    expect(service.TaskName).toBe("web");
  });
});
