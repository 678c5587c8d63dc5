import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { meshRules, renderRules } from "../../constructs";
import { renderScrapeConfig } from "../../constructs/mesh/observability/scrape-config";
import { run } from "../support/lab";

const folder = mkdtempSync(join(tmpdir(), "meshform-rules-"));

beforeAll(() => {
  writeFileSync(join(folder, "rules.yml"), renderRules(meshRules()));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

test("promtool accepts the rules", async () => {
  const { code, output } = await run("promtool", ["check", "rules", join(folder, "rules.yml")]);
  expect({ code, output }).toMatchObject({
    code: 0,
    output: expect.stringMatching(/SUCCESS: \d+ rules found/) as unknown,
  });
});

test.each([
  ["as it is by default", {}],
  [
    "with everything",
    {
      port: 9099,
      scrapeInterval: "5s",
      evaluationInterval: "10s",
      externalLabels: { datacenter: "dc1" },
      alertmanagers: ["10.0.0.9:9093"],
      consul: { scheme: "https", port: 8501, tls: { serverName: "server.dc1.consul", insecureSkipVerify: true } },
      nomad: { scheme: "https", tls: { insecureSkipVerify: true } },
      scrapeConfigs: [{ job_name: "own", static_configs: [{ targets: ["10.0.0.10:80"] }] }],
    },
  ],
] as const)("promtool accepts the configuration %s", async (_, options) => {
  const file = join(folder, "prometheus.yml");
  writeFileSync(file, renderScrapeConfig(options));
  for (const agent of ["envoy", "consul", "nomad"]) {
    // What Nomad's template yields.
    writeFileSync(
      join(folder, `targets-${agent}.yml`),
      '[\n{"targets": ["10.0.0.1:1"], "labels": {"node": "n"}},\n]\n',
    );
  }
  const { code, output } = await run("promtool", ["check", "config", file]);
  expect({ code, output }).toMatchObject({ code: 0, output: expect.not.stringContaining("WARNING") as unknown });
});

/** A series over time, in promtool's notation: `0+60x10` is 0 and ten more, each 60 higher; a value a minute. */
type Series = Readonly<Record<string, string>>;

const edge = 'consul_source_service="front",consul_destination_service="orders"';
const answers = (errors: string, successes: string): Series => ({
  [`envoy_cluster_upstream_rq_xx{${edge},envoy_response_code_class="5"}`]: errors,
  [`envoy_cluster_upstream_rq_xx{${edge},envoy_response_code_class="2"}`]: successes,
});
/** Buckets of 60 requests a minute: all within the second bound, the first `quick` of them within the first. */
const durations = (quick: number): Series => ({
  [`envoy_cluster_upstream_rq_time_bucket{${edge},le="1000"}`]: `0+${quick}x30`,
  [`envoy_cluster_upstream_rq_time_bucket{${edge},le="5000"}`]: "0+60x30",
  [`envoy_cluster_upstream_rq_time_bucket{${edge},le="+Inf"}`]: "0+60x30",
  ...answers("0x30", "0+60x30"),
});
const connections = (failed: number): Series => ({
  [`envoy_cluster_upstream_cx_total{${edge}}`]: "0+60x30",
  [`envoy_cluster_upstream_cx_connect_fail{${edge}}`]: `0+${failed}x30`,
});
const expiry = (seconds: number): Series => ({
  'envoy_listener_ssl_certificate_expiration_unix_time_seconds{service="front",node="n"}': `${seconds}x30`,
  'envoy_listener_ssl_certificate_expiration_unix_time_seconds{service="front",node="n",ca="yes"}': "9000000x30",
});

const cases: readonly { alert: string; name: string; series: Series; fires: boolean }[] = [
  { alert: "MeshErrorRateHigh", name: "a tenth fails", series: answers("0+6x30", "0+54x30"), fires: true },
  { alert: "MeshErrorRateHigh", name: "one of a hundred fails", series: answers("0+1x30", "0+99x30"), fires: false },
  { alert: "MeshErrorRateHigh", name: "all of a few fail", series: answers("0+1x30", "0x30"), fires: false },
  { alert: "MeshErrorRateHigh", name: "they did fail", series: answers("0+60x10 600x20", "0+60x30"), fires: false },
  { alert: "MeshLatencyHigh", name: "one of twenty is slow", series: durations(57), fires: true },
  { alert: "MeshLatencyHigh", name: "none is slow", series: durations(60), fires: false },
  { alert: "MeshConnectionsFail", name: "a tenth fails", series: connections(6), fires: true },
  { alert: "MeshConnectionsFail", name: "none fails", series: connections(0), fires: false },
  { alert: "EnvoyDisconnected", name: "cut off", series: { envoy_control_plane_connected_state: "0x30" }, fires: true },
  {
    alert: "EnvoyDisconnected",
    name: "back",
    series: { envoy_control_plane_connected_state: "0x9 1x20" },
    fires: false,
  },
  { alert: "EnvoyUnobserved", name: "an Envoy is silent", series: { 'up{job="envoy"}': "0x30" }, fires: true },
  { alert: "EnvoyUnobserved", name: "an agent is silent", series: { 'up{job="consul"}': "0x30" }, fires: false },
  { alert: "AgentUnobserved", name: "an agent is silent", series: { 'up{job="nomad"}': "0x30" }, fires: true },
  { alert: "AgentUnobserved", name: "all tell", series: { 'up{job="nomad"}': "1x30" }, fires: false },
  ...(
    [
      ["Consul", "consul", "consul_server_isLeader", "0x30"],
      ["Nomad", "nomad", "nomad_nomad_job_status_running", "_x30"],
    ] as const
  ).flatMap(([engine, job, metric, without]) => [
    {
      alert: `${engine}WithoutLeader`,
      name: "none of three leads",
      series: {
        [`up{job="${job}",node="a"}`]: "1x30",
        [`${metric}{node="a"}`]: without,
        [`${metric}{node="b"}`]: without,
      },
      fires: true,
    },
    {
      alert: `${engine}WithoutLeader`,
      name: "none can be scraped",
      series: { [`up{job="${job}",node="a"}`]: "0x30" },
      fires: true,
    },
    {
      alert: `${engine}WithoutLeader`,
      name: "one leads",
      series: {
        [`up{job="${job}",node="a"}`]: "1x30",
        [`${metric}{node="a"}`]: without,
        [`${metric}{node="b"}`]: "1x30",
      },
      fires: false,
    },
    { alert: `${engine}WithoutLeader`, name: "it is not scraped", series: { 'up{job="envoy"}': "1x30" }, fires: false },
  ]),
  // The test looks after 20 minutes: 1200 s since 1970.
  { alert: "ServiceCertificateExpires", name: "five hours are left", series: expiry(1200 + 5 * 3600), fires: true },
  { alert: "ServiceCertificateExpires", name: "seven hours are left", series: expiry(1200 + 7 * 3600), fires: false },
  ...(
    [
      ["MeshRootExpires", "consul_mesh_active_root_ca_expiry"],
      ["MeshSigningAuthorityExpires", "consul_mesh_active_signing_ca_expiry"],
      ["AgentCertificateExpires", "consul_agent_tls_cert_expiry"],
    ] as const
  ).flatMap(([alert, metric]) => [
    { alert, name: "ten days are left", series: { [metric]: `${10 * 86_400}x30` }, fires: true },
    { alert, name: "it has expired", series: { [metric]: "-5x30" }, fires: true },
    { alert, name: "forty days are left", series: { [metric]: `${40 * 86_400}x30` }, fires: false },
    { alert, name: "there is none", series: { [metric]: "0x30" }, fires: false },
    { alert, name: "the agent does not lead", series: { [metric]: "NaN ".repeat(30) }, fires: false },
  ]),
];

test("every alert has a case in which it fires and one in which it does not", () => {
  const alerts = meshRules().flatMap(({ rules }) => rules.flatMap((rule) => ("alert" in rule ? [rule.alert] : [])));
  for (const fires of [true, false]) {
    const tried = new Set(cases.filter((it) => it.fires === fires).map(({ alert }) => alert));
    expect([...tried].sort()).toEqual([...alerts].sort());
  }
});

test.each(cases)("$alert, when $name: fires is $fires", async ({ alert, series, fires }) => {
  const file = join(folder, "test.yml");
  const input = Object.entries(series).map(([name, values]) => ({ series: name, values }));
  // ALERTS is 1 for each alert that fires.
  const expr = `count(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`;
  const expected = [{ expr, eval_time: "20m", exp_samples: [{ value: fires ? 1 : 0 }] }];
  const tests = [{ interval: "1m", input_series: input, promql_expr_test: expected }];
  writeFileSync(file, JSON.stringify({ rule_files: ["rules.yml"], evaluation_interval: "1m", tests }));
  const { code, output } = await run("promtool", ["test", "rules", file]);
  expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining("SUCCESS") as unknown });
});
