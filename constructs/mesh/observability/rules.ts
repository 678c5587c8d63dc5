import type { DurationLike } from "../../core/duration";
import * as is from "../../core/shape";
import { PROMETHEUS_DURATION, prometheusDuration } from "./prometheus-duration";
import { renderYaml } from "./yaml";

/** A rule that stores the result of a query as a new series. */
export interface RecordingRule {
  /** Name of the new series, such as `mesh:edge_requests:rate`. */
  readonly record: string;
  /** The query in PromQL. */
  readonly expr: string;
  /** Labels that are added to the result, or replace labels of the same name. @default none */
  readonly labels?: Readonly<Record<string, string>>;
}

/** A rule that raises an alert when its query returns a result. */
export interface AlertingRule {
  /** Name of the alert. */
  readonly alert: string;
  /** The query in PromQL. Each series of the result is an alert. */
  readonly expr: string;
  /** How long the query must have returned the series before the alert fires. @default "0s" */
  readonly for?: DurationLike;
  /** Labels by which Alertmanager routes the alert, such as `severity`. @default none */
  readonly labels?: Readonly<Record<string, string>>;
  /** Texts for people. They can contain `{{ $labels.x }}` and `{{ $value }}`. @default none */
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * A group of rules, which Prometheus evaluates one after another.
 *
 * @see https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/
 */
export interface RuleGroup {
  /** Name of the group, unique in its file. */
  readonly name: string;
  /** Time between two evaluations of the group. @default the evaluation interval of Prometheus */
  readonly interval?: DurationLike;
  /** Rules, in the order of their evaluation. */
  readonly rules: readonly (RecordingRule | AlertingRule)[];
}

/** @internal */
export const RULE_GROUP_SHAPE: is.Shape<RuleGroup> = {
  name: is.required(is.text),
  interval: PROMETHEUS_DURATION,
  rules: is.required(is.list(is.fields)),
};

/** Thresholds of {@link meshRules}. An edge is a source service and a destination service. */
export interface MeshRulesOptions {
  /** Time range over which rates are calculated: at least four scrape intervals. @default "5m" */
  readonly window?: DurationLike;
  /** How long a condition must be true before its alert fires. @default "5m" */
  readonly for?: DurationLike;
  /** Share of failed requests of an edge, from 0 to 1, above which an alert fires. @default 0.05 */
  readonly errorRatio?: number;
  /** Requests per second of an edge below which no alert fires for its requests. @default 0.1 */
  readonly minimumRequestRate?: number;
  /** 99th percentile of the duration of an edge's requests, in milliseconds, above which an alert fires. @default 1000 */
  readonly latencyMs?: number;
  /**
   * Remaining time until the certificate of a service expires, in hours, below which an alert fires. These certificates are valid for
   * 72 hours; Consul renews them 7 to 29 hours before they expire.
   *
   * @default 6
   */
  readonly leafCertificateHours?: number;
  /** Remaining time until a CA of the mesh or a certificate of an agent expires, in days, below which an alert fires. @default 30 */
  readonly authorityCertificateDays?: number;
}

/** @internal Thresholds of alerts that the dashboard shows as colours. */
export const RULE_DEFAULTS = { errorRatio: 0.05, latencyMs: 1000, leafCertificateHours: 6 };

/** Groups metrics of Envoy by edge. */
const BY_EDGE = "by (consul_source_service, consul_destination_service)";
const OF_EDGES = 'consul_destination_service!=""';
const EDGE = "{{ $labels.consul_source_service }} → {{ $labels.consul_destination_service }}";

/** Quantiles of the request duration that are recorded. */
const QUANTILES = [0.5, 0.9, 0.99];

/**
 * Rules for every mesh. They record the request rate, error rate and request duration of each edge (source and destination), and alert on
 * them, on Envoys without a connection to Consul, on certificates that expire, and on Consul or Nomad without a leader.
 *
 * @example
 * writeFileSync("mesh-rules.yml", renderRules(meshRules({ errorRatio: 0.01 })));
 */
export function meshRules(options: MeshRulesOptions = {}): readonly RuleGroup[] {
  return [
    { name: "mesh-edges", rules: edgeRules(prometheusDuration(options.window ?? "5m")) },
    { name: "mesh-traffic-alerts", rules: trafficAlerts(options) },
    { name: "mesh-control-plane-alerts", rules: controlPlaneAlerts(options) },
    { name: "mesh-certificate-alerts", rules: certificateAlerts(options) },
  ];
}

/** The content of a rule file of Prometheus, in YAML. */
export function renderRules(groups: readonly RuleGroup[]): string {
  return renderYaml({
    groups: groups.map(({ interval, rules, ...group }) => ({
      ...group,
      interval: interval && prometheusDuration(interval),
      rules: rules.map((rule) =>
        "alert" in rule && rule.for !== undefined ? { ...rule, for: prometheusDuration(rule.for) } : rule,
      ),
    })),
  });
}

function edgeRules(window: string): RecordingRule[] {
  const rate = (metric: string, more = "") => `rate(${metric}{${OF_EDGES}${more}}[${window}])`;
  const errors = `sum ${BY_EDGE} (${rate("envoy_cluster_upstream_rq_xx", ',envoy_response_code_class="5"')})`;
  return [
    { record: "mesh:edge_requests:rate", expr: `sum ${BY_EDGE} (${rate("envoy_cluster_upstream_rq_xx")})` },
    // Envoy has no series of failures before the first failure. The rate is then 0.
    { record: "mesh:edge_errors:rate", expr: `${errors} or mesh:edge_requests:rate * 0` },
    { record: "mesh:edge_errors:ratio", expr: "mesh:edge_errors:rate / (mesh:edge_requests:rate > 0)" },
    ...QUANTILES.map((quantile) => ({
      record: "mesh:edge_duration_ms:quantile",
      expr: `histogram_quantile(${quantile}, sum by (le, consul_source_service, consul_destination_service) (${rate("envoy_cluster_upstream_rq_time_bucket")}))`,
      labels: { quantile: String(quantile) },
    })),
    // Envoy counts how requests ended only for all targets of a failover together.
    {
      record: "mesh:edge_failovers:rate",
      expr: `sum ${BY_EDGE} (${rate("envoy_cluster_upstream_rq_total", ',consul_destination_custom_hash=~"failover-target~[1-9].*"')})`,
    },
    { record: "mesh:edge_connections:rate", expr: `sum ${BY_EDGE} (${rate("envoy_cluster_upstream_cx_total")})` },
    {
      record: "mesh:edge_connection_failures:rate",
      expr: `sum ${BY_EDGE} (${rate("envoy_cluster_upstream_cx_connect_fail")})`,
    },
  ];
}

function trafficAlerts(options: MeshRulesOptions): AlertingRule[] {
  const wait = options.for ?? "5m";
  const busy = `mesh:edge_requests:rate >= ${options.minimumRequestRate ?? 0.1}`;
  return [
    {
      alert: "MeshErrorRateHigh",
      expr: `mesh:edge_errors:ratio > ${options.errorRatio ?? RULE_DEFAULTS.errorRatio} and ${busy}`,
      for: wait,
      labels: { severity: "critical" },
      annotations: {
        summary: `${EDGE}: {{ $value | humanizePercentage }} of the requests fail`,
        description: "The destination returns 5xx, or cannot be reached.",
      },
    },
    {
      alert: "MeshLatencyHigh",
      expr: `mesh:edge_duration_ms:quantile{quantile="0.99"} > ${options.latencyMs ?? RULE_DEFAULTS.latencyMs} and ignoring (quantile) ${busy}`,
      for: wait,
      labels: { severity: "warning" },
      annotations: { summary: `${EDGE}: the 99th percentile of the duration is {{ $value | humanize }} ms` },
    },
    {
      alert: "MeshConnectionsFail",
      expr: `mesh:edge_connection_failures:rate > ${options.errorRatio ?? RULE_DEFAULTS.errorRatio} * mesh:edge_connections:rate`,
      for: wait,
      labels: { severity: "critical" },
      annotations: { summary: `${EDGE}: {{ $value | humanize }} connections per second cannot be opened` },
    },
  ];
}

function controlPlaneAlerts(options: MeshRulesOptions): AlertingRule[] {
  const wait = options.for ?? "5m";
  return [
    {
      alert: "EnvoyDisconnected",
      expr: "envoy_control_plane_connected_state == 0",
      for: wait,
      labels: { severity: "critical" },
      annotations: {
        summary: "The Envoy of {{ $labels.service }} on {{ $labels.node }} has lost its Consul agent",
        description: "It keeps its last configuration until its certificate expires.",
      },
    },
    ...noLeader("Consul", "consul", "consul_server_isLeader", "> 0"),
    // Only the leader publishes this metric. It disappears a minute after the server has lost leadership.
    ...noLeader("Nomad", "nomad", "nomad_nomad_job_status_running", ">= 0"),
    {
      alert: "EnvoyUnobserved",
      expr: 'up{job="envoy"} == 0',
      for: wait,
      labels: { severity: "warning" },
      annotations: { summary: "The Envoy of {{ $labels.service }} on {{ $labels.node }} cannot be scraped" },
    },
    {
      alert: "AgentUnobserved",
      expr: 'up{job=~"consul|nomad"} == 0',
      for: wait,
      labels: { severity: "warning" },
      annotations: { summary: "The agent of {{ $labels.job }} on {{ $labels.node }} cannot be scraped" },
    },
  ];
}

function noLeader(engine: string, job: string, metric: string, condition: string): AlertingRule[] {
  return [
    {
      alert: `${engine}WithoutLeader`,
      expr: `count(up{job="${job}"}) unless sum(${metric}) ${condition}`,
      for: "1m",
      labels: { severity: "critical" },
      annotations: {
        summary: `${engine} has no leader, or none of its servers can be scraped`,
        description: "Running services continue; changes are not possible.",
      },
    },
  ];
}

function certificateAlerts(options: MeshRulesOptions): AlertingRule[] {
  const hours = options.leafCertificateHours ?? RULE_DEFAULTS.leafCertificateHours;
  const seconds = (options.authorityCertificateDays ?? 30) * 86_400;
  const soon = (what: string) => `${what} expires in {{ $value | humanizeDuration }}`;
  return [
    {
      alert: "ServiceCertificateExpires",
      expr: `min by (service, node, instance) (envoy_listener_ssl_certificate_expiration_unix_time_seconds) - time() < ${hours * 3600}`,
      labels: { severity: "critical" },
      annotations: { summary: soon("The certificate of {{ $labels.service }} on {{ $labels.node }}") },
    },
  ].concat(
    (
      [
        ["MeshRootExpires", "consul_mesh_active_root_ca_expiry", "The root authority of the mesh"],
        ["MeshSigningAuthorityExpires", "consul_mesh_active_signing_ca_expiry", "The signing authority of the mesh"],
        ["AgentCertificateExpires", "consul_agent_tls_cert_expiry", "The certificate of Consul on {{ $labels.node }}"],
      ] as const
    ).map(([alert, metric, what]) => ({
      alert,
      // The metric is 0 if the agent has no certificate, and NaN on servers that are not the leader.
      expr: `${metric} != 0 and ${metric} < ${seconds}`,
      labels: { severity: "critical" },
      annotations: { summary: soon(what) },
    })),
  );
}
