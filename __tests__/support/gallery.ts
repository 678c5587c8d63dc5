import {
  Affinity,
  Constraint,
  HealthCheck,
  HttpPermission,
  MeshGatewayMode,
  MeshService,
  Port,
  Protocol,
  Sidecar,
  silence,
  Spread,
  Template,
  Volume,
  Workload,
  type ServiceMesh,
} from "../../constructs";
import type { TestStack } from "./synth";

/** A mesh that uses every option there is, so that the real engines can judge what we render. */
export function addGallery(mesh: ServiceMesh, stack: TestStack): void {
  const everything = mesh.addService("everything", {
    port: 8000,
    protocol: Protocol.HTTP,
    count: 2,
    workload: Workload.docker({
      image: "example/app:1",
      command: "run",
      args: ["--id", "${NOMAD_ALLOC_ID}", "%{not-a-template}"],
      entrypoint: ["/init"],
      config: { cap_add: ["net_bind_service"] },
      env: { RACK: "${meta.rack}" },
      resources: { cpuMhz: 200, memoryMib: 128, memoryMaxMib: 256 },
      templates: [
        Template.text('{{ env "NOMAD_ALLOC_ID" }}', {
          destination: "local/a.conf",
          changeMode: "signal",
          changeSignal: "SIGHUP",
          perms: "600",
          splay: "1s",
          uid: 1000,
          gid: 1000,
          once: true,
        }),
        Template.text("A=[[ 1 ]]", {
          destination: "local/a.env",
          env: true,
          leftDelimiter: "[[",
          rightDelimiter: "]]",
        }),
      ],
      volumeMounts: [{ volume: "data", destination: "/data", readOnly: true }],
      artifacts: [
        "https://example.com/app.tar.gz",
        { source: "https://example.com/b", destination: "local/b", mode: "file", insecure: true, chown: true },
      ],
      logs: { maxFiles: 2, maxFileSizeMib: 5, disabled: true },
      user: "app",
      killTimeout: "10s",
      killSignal: "SIGTERM",
      shutdownDelay: "2s",
      leader: true,
      restart: { attempts: 1, interval: "5m", delay: "5s", mode: "fail" },
      constraints: [Constraint.isSet("${attr.driver.docker}")],
      affinities: [Affinity.equals("${meta.disk}", "ssd")],
      meta: { owner: "shop" },
    }),
    tasks: {
      migrate: Workload.exec({ command: "/bin/true", lifecycle: { hook: "prestart" } }),
      shipper: Workload.exec({ command: "/bin/cat", lifecycle: { hook: "poststart", sidecar: true } }),
    },
    healthCheck: [
      HealthCheck.http("/health", {
        method: "HEAD",
        headers: { Host: ["everything"] },
        successBeforePassing: 1,
        failuresBeforeCritical: 2,
        checkRestart: { limit: 3, grace: "30s" },
        onUpdate: "require_healthy",
      }),
      HealthCheck.script("/bin/true", { args: ["-q"] }),
      HealthCheck.http("/secure", {
        name: "secure",
        port: 8443,
        addressMode: "host",
        tls: true,
        tlsServerName: "everything",
        tlsSkipVerify: true,
        initialStatus: "warning",
        notes: "Past the Envoy.",
      }),
    ],
    publish: 18000,
    address: "everything.example.com",
    groupMeta: { tier: "front" },
    tags: ["v1"],
    canaryTags: ["canary"],
    meta: { version: "1" },
    canaryMeta: { version: "2" },
    jobMeta: { team: "shop" },
    sidecar: Sidecar.docker({
      image: "example/envoy:1",
      logLevel: "debug",
      concurrency: 2,
      resources: { cpuMhz: 100, memoryMib: 64 },
      killTimeout: "5s",
      shutdownDelay: "1s",
      env: { A: "b" },
      meta: { c: "d" },
      config: { local_connect_timeout_ms: 1000 },
    }),
    expose: [{ path: "/metrics", portLabel: "metrics", localPort: 9102 }],
    update: {
      maxParallel: 1,
      healthCheck: "checks",
      minHealthyTime: "5s",
      healthyDeadline: "1m",
      progressDeadline: "5m",
      autoRevert: true,
      autoPromote: true,
      canary: 1,
      stagger: "10s",
    },
    restart: { attempts: 2, interval: "1m", delay: "5s", mode: "delay", renderTemplates: true },
    reschedule: { delay: "5s", delayFunction: "exponential", maxDelay: "1m", unlimited: true },
    shutdownDelay: "3s",
    volumes: { data: Volume.host("data", { readOnly: true }) },
    constraints: [
      Constraint.equals("${attr.kernel.name}", "linux"),
      Constraint.notEquals("${meta.rack}", "r1"),
      Constraint.matches("${node.class}", ".*"),
      Constraint.version("${attr.nomad.version}", ">= 1.8"),
      Constraint.distinctHosts(),
      Constraint.distinctProperty("${meta.rack}", 2),
    ],
    affinities: [Affinity.of("${meta.disk}", "=", "ssd", -50)],
    spreads: [Spread.over("${node.datacenter}", { dc1: 100 })],
    nodePool: "default",
    namespace: "default",
    priority: 60,
    serviceDefaults: { MaxInboundConnections: 100 },
  });
  const grpc = mesh.addService("grpc", {
    port: 8001,
    protocol: Protocol.GRPC,
    workload: Workload.exec({ command: "/bin/grpc", driver: "raw_exec" }),
    sidecar: Sidecar.exec(),
    healthCheck: HealthCheck.grpc({ service: "shop" }),
    networkMode: "cni/mesh",
    cniArgs: { zone: "a" },
    disconnect: { stopOnClientAfter: "1m" },
    volumes: { kept: Volume.host("kept", { sticky: true, accessMode: "single-node-single-writer" }) },
    tasks: {
      plugin: Workload.docker({
        image: "example/csi:1",
        csiPlugin: { id: "disks", type: "node", mountDir: "/csi", healthTimeout: "30s" },
        volumeMounts: [{ volume: "kept", destination: "/kept", selinuxLabel: "Z" }],
      }),
    },
  });
  const native = mesh.addService("native", {
    port: 8002,
    connectNative: true,
    networkMode: "host",
    ports: { http: Port.static(8002, { ignoreCollision: true }) },
    addressMode: "host",
    workload: Workload.driver("java", { jar_path: "local/app.jar" }),
    healthCheck: HealthCheck.tcp({ interval: "5s", timeout: "1s" }),
  });
  const transparent = mesh.addService("transparent", {
    port: 8003,
    workload: Workload.docker({ image: "example/app:1", resources: { cores: 1 } }),
    transparentProxy: { uid: "101", excludeInboundPorts: ["22"], excludeOutboundPorts: [443], noDns: true },
  });
  everything.connectTo(grpc, {
    localBindPort: 9001,
    localBindAddress: "127.0.0.2",
    env: "GRPC",
    meshGateway: MeshGatewayMode.LOCAL,
    config: { connect_timeout_ms: 500 },
  });
  everything.connectTo(native);
  everything.connectTo(MeshService.fromServiceName(stack, "billing", "billing", { protocol: Protocol.HTTP }));
  transparent.connectTo(everything, {
    description: "orders",
    permissions: [
      HttpPermission.deny({ pathExact: "/admin" }),
      HttpPermission.get("/v1/"),
      HttpPermission.allow({
        pathRegex: "/v[12]/.*",
        methods: ["PATCH"],
        headers: [
          { name: "x-a", exact: "1" },
          { name: "x-b", prefix: "2" },
          { name: "x-c", suffix: "3" },
          { name: "x-d", regex: "4.*" },
          { name: "x-e", present: true, invert: true },
        ],
      }),
    ],
  });
  silence(transparent, "wildcard-allow", "to have the engines judge a wildcard too");
  transparent.allowFrom("*");
}
