import { parse } from "yaml";
import {
  meshRules,
  Metrics,
  secureAgents,
  Workload,
  type nomad,
  type PrometheusBaseProps,
  type ScrapeOptions,
} from "../../../constructs";
import { groupOf, serviceOf, taskOf } from "../../support/job";
import { findingsOf, synthMesh } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

function jobOf(props: PrometheusBaseProps = {}): nomad.Job {
  return synthMesh((mesh) => mesh.addPrometheus("prometheus", { publish: 9090, ...props }), {
    metrics: Metrics.prometheus(),
  }).jobs.prometheus;
}

const argsOf = (job: nomad.Job) => taskOf(job).Config?.args as string[];

function fileOf(job: nomad.Job, path: string): nomad.Template {
  const template = taskOf(job).Templates?.find(({ DestPath }) => DestPath === path);
  if (template === undefined) {
    throw new Error(`There is no ${path}.`);
  }
  return template;
}

interface Config {
  readonly global: object;
  readonly alerting?: object;
  readonly scrape_configs: readonly {
    readonly job_name: string;
    readonly metric_relabel_configs?: readonly Relabelling[];
  }[];
}

function configOf(props?: ScrapeOptions): Config {
  return parse(fileOf(jobOf(props), "local/prometheus.yml").EmbeddedTmpl ?? "") as Config;
}

const scrapeOf = (job: string, props?: ScrapeOptions) =>
  configOf(props).scrape_configs.find(({ job_name }) => job_name === job);

test("is a service of the mesh: published, or reached by those whom it lets in", () => {
  const { jobs, entries } = synthMesh((mesh) => {
    const prometheus = mesh.addPrometheus("prometheus");
    mesh.addService("grafana", { port: 3000, publish: 3000, workload: anyWorkload }).connectTo(prometheus);
  });
  expect(entries["service-defaults/prometheus"]).toMatchObject({ Protocol: "http" });
  expect(entries["service-intentions/prometheus"]).toMatchObject({ Sources: [{ Name: "grafana" }] });
  expect(argsOf(jobs.prometheus)).toContain("--web.listen-address=127.0.0.1:9090");
  expect(serviceOf(jobs.prometheus)).toMatchObject({
    PortLabel: "9090",
    Checks: [{ Type: "http", Path: "/-/ready", Expose: true }],
  });
});

test("under Docker by default, with the arguments and files in place", () => {
  const job = jobOf();
  expect(taskOf(job)).toMatchObject({
    Driver: "docker",
    Config: { image: "prom/prometheus:v3.5.0" },
    KillSignal: "SIGTERM",
    Resources: { CPU: 200, MemoryMB: 512 },
  });
  expect(argsOf(job)).toEqual([
    "--config.file=${NOMAD_TASK_DIR}/prometheus.yml",
    "--storage.tsdb.path=${NOMAD_ALLOC_DIR}/data/prometheus",
    "--storage.tsdb.retention.time=15d",
    "--web.listen-address=0.0.0.0:9090",
  ]);
  expect(taskOf(job).Templates?.map(({ DestPath }) => DestPath)).toEqual([
    "local/prometheus.yml",
    "local/rules.yml",
    "local/targets-envoy.yml",
    "local/targets-consul.yml",
    "local/targets-nomad.yml",
  ]);
});

test("as any other program, given the same", () => {
  const job = jobOf({
    workload: (task) =>
      Workload.exec({ ...task, driver: "raw_exec", command: "prometheus", resources: { memoryMib: 64 } }),
  });
  expect(taskOf(job)).toMatchObject({
    Driver: "raw_exec",
    Config: { command: "prometheus" },
    Resources: { MemoryMB: 64 },
  });
  expect(argsOf(job)).toHaveLength(4);
  expect(taskOf(job).Templates).toHaveLength(5);
});

test("asks Nomad for a Consul token of its own, whatever Consul's rules are", () => {
  expect(taskOf(jobOf()).Consul).toEqual({ Cluster: "default" });
});

test("keeps its data when its job moves, and as much and as long as is said", () => {
  expect(groupOf(jobOf()).EphemeralDisk).toEqual({ Sticky: true, Migrate: true, SizeMB: 2000 });
  const job = jobOf({ diskMib: 500, retention: "2d", dataDirectory: "/data" });
  expect(groupOf(job).EphemeralDisk).toMatchObject({ SizeMB: 500 });
  expect(argsOf(job)).toEqual(
    expect.arrayContaining(["--storage.tsdb.path=/data", "--storage.tsdb.retention.time=2d"]),
  );
});

test("takes what any service takes", () => {
  const job = jobOf({
    port: 9099,
    healthCheck: [],
    nodePool: "ops",
    override: { job: { Priority: 80 }, group: { EphemeralDisk: { SizeMB: 150 } }, service: { Tags: ["a"] } },
  });
  expect(job).toMatchObject({ Priority: 80, NodePool: "ops" });
  expect(groupOf(job).EphemeralDisk).toEqual({ SizeMB: 150, Sticky: true, Migrate: true });
  expect(serviceOf(job)).toMatchObject({ PortLabel: "9099", Checks: [], Tags: ["a"] });
  expect(argsOf(job)).toContain("--web.listen-address=0.0.0.0:9099");
  expect(scrapeOf("prometheus", { port: 9099 })).toMatchObject({ static_configs: [{ targets: ["127.0.0.1:9099"] }] });
});

test("passes every check, published or not", () => {
  expect(findingsOf(() => jobOf())).toEqual([]);
  expect(
    findingsOf(() => synthMesh((mesh) => mesh.addPrometheus("prometheus").allowFrom("grafana"))),
  ).not.toContainEqual(expect.stringContaining("bound-to-all-interfaces"));
});

describe("its configuration", () => {
  const destinations = [
    expect.objectContaining({ target_label: "consul_destination_service" }) as unknown,
    expect.objectContaining({ target_label: "consul_destination_peer" }) as unknown,
    expect.objectContaining({ target_label: "consul_destination_service" }) as unknown,
  ];

  test.each([
    [
      "a service of a peer at a mesh gateway",
      { service: "default", subset: "store", target: "store.default.default.dc2.external.f3a9" },
      { service: "store", peer: "dc2" },
    ],
    [
      "a service of a peer at a sidecar",
      { service: "store", peer: "dc2", target: "store.default.dc2.external.f3a9" },
      { service: "store", peer: "dc2" },
    ],
    [
      "a subset",
      { service: "store", subset: "v1", target: "v1.store.default.dc1.internal.f3a9" },
      { service: "store", peer: undefined },
    ],
    [
      "the first target of a failover",
      { service: "store", hash: "failover-target~0", target: "failover-target~0~store.default.dc1.internal.f3a9" },
      { service: "store", peer: undefined },
    ],
    [
      "the second target of a failover",
      { service: "store", hash: "failover-target~1", target: "failover-target~1~store.default.dc1.internal.f3a9" },
      { service: "store (failover 1)", peer: undefined },
    ],
  ])("has the true destination of %s", (_, { service, subset, peer, hash, target }: Destination, wanted) => {
    const labels = relabelled(configOf().scrape_configs[1].metric_relabel_configs ?? [], {
      consul_destination_service: service,
      consul_destination_full_target: target,
      ...(subset !== undefined && { consul_destination_service_subset: subset }),
      ...(peer !== undefined && { consul_destination_peer: peer }),
      ...(hash !== undefined && { consul_destination_custom_hash: hash }),
    });
    const { consul_destination_service: shown, consul_destination_peer: at } = labels;
    expect({ service: shown, peer: at }).toEqual(wanted);
  });

  test("scrapes itself, Envoys, Consul and Nomad every 15 seconds", () => {
    const { global, scrape_configs, alerting } = configOf();
    expect(global).toEqual({ scrape_interval: "15s", scrape_timeout: "15s", evaluation_interval: "15s" });
    expect(scrape_configs).toEqual([
      { job_name: "prometheus", static_configs: [{ targets: ["127.0.0.1:9090"] }] },
      {
        job_name: "envoy",
        file_sd_configs: [{ files: ["targets-envoy.yml"], refresh_interval: "30s" }],
        metric_relabel_configs: [
          ...["consul_source_service", "local_cluster"].map((label) => ({
            source_labels: [label, "service"],
            regex: ".+;(.+)",
            target_label: label,
          })),
          ...destinations,
        ],
      },
      {
        job_name: "consul",
        metrics_path: "/v1/agent/metrics",
        params: { format: ["prometheus"] },
        file_sd_configs: [{ files: ["targets-consul.yml"], refresh_interval: "30s" }],
      },
      {
        job_name: "nomad",
        metrics_path: "/v1/metrics",
        params: { format: ["prometheus"] },
        file_sd_configs: [{ files: ["targets-nomad.yml"], refresh_interval: "30s" }],
      },
    ]);
    expect(alerting).toBeUndefined();
  });

  test("has intervals, labels, Alertmanagers and scrapes of one's own", () => {
    const config = configOf({
      scrapeInterval: "5s",
      evaluationInterval: "1m",
      externalLabels: { datacenter: "dc1" },
      alertmanagers: ["10.0.0.9:9093"],
      scrapeConfigs: [{ job_name: "own", static_configs: [{ targets: ["10.0.0.10:80"] }] }],
    });
    expect(config.global).toEqual({
      scrape_interval: "5s",
      scrape_timeout: "5s",
      evaluation_interval: "1m",
      external_labels: { datacenter: "dc1" },
    });
    expect(config.alerting).toEqual({ alertmanagers: [{ static_configs: [{ targets: ["10.0.0.9:9093"] }] }] });
    expect(config.scrape_configs).toContainEqual({ job_name: "own", static_configs: [{ targets: ["10.0.0.10:80"] }] });
  });

  test("leaves out what is not to be scraped", () => {
    expect(configOf({ consul: false, nomad: false }).scrape_configs.map(({ job_name }) => job_name)).toEqual([
      "prometheus",
      "envoy",
    ]);
    expect(taskOf(jobOf({ consul: false, nomad: false })).Templates).toHaveLength(3);
  });

  test("scrapes agents by TLS, with secrets that only Nomad knows", () => {
    const secret = (name: string) => `{{ with nomadVar "nomad/jobs/prometheus" }}{{ .${name} }}{{ end }}`;
    const tls = { ca: secret("ca"), cert: secret("cert"), key: secret("key"), serverName: "server.dc1.consul" };
    const props = { consul: { scheme: "https", tls, token: secret("token") } } as const;
    expect(scrapeOf("consul", props)).toMatchObject({
      scheme: "https",
      tls_config: {
        ca_file: "../secrets/consul-ca",
        cert_file: "../secrets/consul-cert",
        key_file: "../secrets/consul-key",
        server_name: "server.dc1.consul",
      },
      authorization: { credentials_file: "../secrets/consul-token" },
    });
    expect(fileOf(jobOf(props), "secrets/consul-key")).toMatchObject({
      EmbeddedTmpl: secret("key"),
      ChangeMode: "noop",
    });
    expect(fileOf(jobOf(props), "local/targets-consul.yml").EmbeddedTmpl).toContain('{{ .Address }}:8501"');
  });

  test("scrapes the agents of a secure cluster with what its secret store holds for Prometheus", () => {
    const job = jobOf(secureAgents());
    expect(fileOf(job, "secrets/consul-token").EmbeddedTmpl).toBe(
      '{{ with nomadVar "nomad/jobs/prometheus" }}{{ with .secrets.Value | parseJSON }}{{ .tokens.prometheus }}{{ end }}{{ end }}',
    );
    const secrets = taskOf(job).Templates?.filter(({ DestPath }) => DestPath?.startsWith("secrets/"));
    expect(secrets?.map(({ DestPath }) => DestPath)).toEqual(
      ["consul-ca", "consul-cert", "consul-key", "consul-token", "nomad-ca", "nomad-cert", "nomad-key"].map(
        (file) => `secrets/${file}`,
      ),
    );
    expect(scrapeOf("nomad", secureAgents())).toMatchObject({
      scheme: "https",
      tls_config: { server_name: "localhost" },
    });
    expect(fileOf(jobOf(secureAgents("nomad/jobs/watch")), "secrets/nomad-key").EmbeddedTmpl).toContain(
      'nomadVar "nomad/jobs/watch"',
    );
  });

  test("scrapes agents on other ports, or without a look at their certificates", () => {
    const props = {
      consul: { port: 18500 },
      nomad: { port: 14646, scheme: "https", tls: { insecureSkipVerify: true } },
    } as const;
    expect(fileOf(jobOf(props), "local/targets-consul.yml").EmbeddedTmpl).toContain('{{ .Address }}:18500"');
    expect(fileOf(jobOf(props), "local/targets-nomad.yml").EmbeddedTmpl).toContain('{{ .Address }}:14646"');
    expect(scrapeOf("nomad", props)).toMatchObject({ scheme: "https", tls_config: { insecure_skip_verify: true } });
  });
});

describe("its rules", () => {
  test("are the mesh's, or one's own", () => {
    const rulesOf = (job: nomad.Job) => parse(fileOf(job, "local/rules.yml").EmbeddedTmpl ?? "") as unknown;
    expect(rulesOf(jobOf())).toEqual(JSON.parse(JSON.stringify({ groups: meshRules() })));
    const own = [{ name: "own", rules: [{ record: "a", expr: "1" }] }];
    expect(rulesOf(jobOf({ rules: own }))).toEqual({ groups: own });
  });

  test("reach Prometheus as they are, whose own templates look like Nomad's", () => {
    const rules = fileOf(jobOf(), "local/rules.yml");
    expect(rules.EmbeddedTmpl).toContain("{{ $labels.consul_source_service }}");
    expect(rules.EmbeddedTmpl).not.toContain(rules.LeftDelim);
  });
});

interface Relabelling {
  readonly source_labels: readonly string[];
  readonly regex: string;
  readonly target_label: string;
  readonly replacement?: string;
}

interface Destination {
  readonly service: string;
  readonly subset?: string;
  readonly peer?: string;
  readonly hash?: string;
  readonly target: string;
}

/** What Prometheus makes of labels: a rule applies if its expression matches all of the joined values. */
function relabelled(rules: readonly Relabelling[], labels: Readonly<Record<string, string>>) {
  return rules.reduce<Readonly<Partial<Record<string, string>>>>((now, rule) => {
    const { source_labels: sources, regex, target_label: target, replacement = "$1" } = rule;
    const joined = sources.map((label) => now[label] ?? "").join(";");
    const whole = new RegExp(`^(?:${regex})$`);
    return whole.test(joined) ? { ...now, [target]: joined.replace(whole, replacement) } : now;
  }, labels);
}
