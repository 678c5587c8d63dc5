import { METRICS_ADDRESS } from "../../nomad/envoy-metrics";
import * as is from "../../core/shape";
import { Template } from "../../nomad/template";
import { PROMETHEUS_DURATION, prometheusDuration } from "./prometheus-duration";
import { renderYaml } from "./yaml";
import type { DurationLike } from "../../core/duration";

/** How Prometheus scrapes the agents of Consul or Nomad. */
export interface AgentScrape {
  /** Scheme of the requests. @default "http" */
  readonly scheme?: "http" | "https";
  /** Port of the agents. @default for Consul 8500, with https 8501; for Nomad the port in Consul's catalog */
  readonly port?: number;
  /** TLS settings, if the scheme is `https`. @default none: the CAs of the machine verify the agents' certificates */
  readonly tls?: AgentScrapeTls;
  /**
   * Token of the requests. In a cluster with ACLs, Consul requires a token with read access to agents; Nomad requires none. It is a
   * template, which Nomad renders into the secrets directory of the task, such as
   * `{{ with nomadVar "nomad/jobs/prometheus" }}{{ .consul_token }}{{ end }}`.
   *
   * @default none
   */
  readonly token?: string;
}

/**
 * TLS settings of a scrape. `ca`, `cert` and `key` are templates, which Nomad renders into the secrets directory of the task, so that the
 * job does not contain the key: `{{ with nomadVar "nomad/jobs/prometheus" }}{{ .key }}{{ end }}`.
 */
export interface AgentScrapeTls {
  /** CA certificates that verify the agents' certificates, in PEM format. @default the CAs of the machine */
  readonly ca?: string;
  /** Client certificate of Prometheus, if the agents require one, in PEM format. @default none */
  readonly cert?: string;
  /** Key of `cert`, in PEM format. @default none */
  readonly key?: string;
  /** Server name that every agent's certificate must contain. @default the address of the agent */
  readonly serverName?: string;
  /** Whether the agents' certificates are not verified. @default false */
  readonly insecureSkipVerify?: boolean;
}

/** Configuration of Prometheus: what it scrapes, how often, and where it sends alerts. */
export interface ScrapeOptions {
  /** Port on which Prometheus listens. @default 9090 */
  readonly port?: number;
  /** Time between two scrapes of a target. @default "15s" */
  readonly scrapeInterval?: DurationLike;
  /** Time between two evaluations of the rules. @default `scrapeInterval` */
  readonly evaluationInterval?: DurationLike;
  /** Labels that are added to alerts, and to series for federation and remote write. @default none */
  readonly externalLabels?: Readonly<Record<string, string>>;
  /** `host:port` of each Alertmanager. @default none: only Prometheus shows alerts */
  readonly alertmanagers?: readonly string[];
  /** How Prometheus scrapes Consul's servers; `false` if it does not. @default plain HTTP on port 8500 */
  readonly consul?: AgentScrape | false;
  /** How Prometheus scrapes Nomad's agents; `false` if it does not. @default plain HTTP on the port in Consul's catalog */
  readonly nomad?: AgentScrape | false;
  /** Additional items of `scrape_configs`, in the format of Prometheus' configuration. @default none */
  readonly scrapeConfigs?: readonly Readonly<Record<string, unknown>>[];
}

const TLS_SHAPE: is.Shape<AgentScrapeTls> = {
  ca: is.text,
  cert: is.text,
  key: is.text,
  serverName: is.text,
  insecureSkipVerify: is.flag,
};
const AGENT_SHAPE: is.Shape<AgentScrape> = {
  scheme: is.oneOf(["http", "https"]),
  port: is.number,
  tls: is.block(TLS_SHAPE),
  token: is.text,
};

/** @internal */
export const SCRAPE_SHAPE: is.Shape<ScrapeOptions> = {
  port: is.literal(is.port, "Use a literal number: it is part of Envoy's configuration in the job."),
  scrapeInterval: PROMETHEUS_DURATION,
  evaluationInterval: PROMETHEUS_DURATION,
  externalLabels: is.map(is.text),
  alertmanagers: is.list(is.text),
  consul: is.falseOr(is.block(AGENT_SHAPE)),
  nomad: is.falseOr(is.block(AGENT_SHAPE)),
  scrapeConfigs: is.list(is.fields),
};

/**
 * The configuration file of Prometheus. Paths are relative to the directory of the file.
 *
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/
 */
export function renderScrapeConfig(props: ScrapeOptions): string {
  const { alertmanagers = [], consul = {}, nomad = {} } = props;
  const scrapeInterval = prometheusDuration(props.scrapeInterval ?? "15s");
  const config = {
    global: {
      scrape_interval: scrapeInterval,
      scrape_timeout: scrapeInterval,
      evaluation_interval: props.evaluationInterval ? prometheusDuration(props.evaluationInterval) : scrapeInterval,
      external_labels: props.externalLabels,
    },
    rule_files: ["rules.yml"],
    alerting:
      alertmanagers.length > 0 ? { alertmanagers: [{ static_configs: [{ targets: alertmanagers }] }] } : undefined,
    scrape_configs: [
      { job_name: "prometheus", static_configs: [{ targets: [`127.0.0.1:${props.port ?? 9090}`] }] },
      {
        job_name: "envoy",
        ...targetsOf("envoy"),
        metric_relabel_configs: [...["consul_source_service", "local_cluster"].map(ofService), ...TRUE_DESTINATIONS],
      },
      ...(consul === false
        ? []
        : [{ job_name: "consul", metrics_path: "/v1/agent/metrics", ...agents("consul", consul) }]),
      ...(nomad === false ? [] : [{ job_name: "nomad", metrics_path: "/v1/metrics", ...agents("nomad", nomad) }]),
      ...(props.scrapeConfigs ?? []),
    ],
  };
  return renderYaml(config);
}

/**
 * The lists of targets, by file name. Each is a template that reads Consul's catalog and produces a YAML flow sequence, which can have a
 * trailing comma.
 *
 * @see https://github.com/hashicorp/consul-template/blob/main/docs/templating-language.md
 */
export function renderTargets({ consul = {}, nomad = {} }: ScrapeOptions): Readonly<Record<string, string>> {
  const { scheme, port = scheme === "https" ? 8501 : 8500 } = consul === false ? {} : consul;
  const nomadPort = nomad === false || nomad.port === undefined ? "{{ .Port }}" : String(nomad.port);
  return {
    [fileOf("envoy")]: ENVOY_TARGETS,
    ...(consul !== false && { [fileOf("consul")]: agentTargets(["consul"], String(port)) }),
    ...(nomad !== false && { [fileOf("nomad")]: agentTargets(["http.nomad", "http.nomad-client"], nomadPort) }),
  };
}

/**
 * Sidecars have the metadata of their service, so the template skips them. Unhealthy instances are included. The Envoy of Prometheus itself
 * is scraped inside the allocation: in many networks, an allocation cannot reach itself through the address of its node.
 */
const ENVOY_TARGETS = `{{ $own := env "NOMAD_HOST_ADDR_envoy_metrics" -}}
[
{{- range services }}{{ if not (.Name | regexMatch "-sidecar-proxy$") }}
{{- range service (printf "%s|any" .Name) }}{{ $instance := . }}{{ with .ServiceMeta.${METRICS_ADDRESS} }}
{"targets": [
{{- if eq . $own }}"127.0.0.1:{{ env "NOMAD_PORT_envoy_metrics" }}"{{ else }}{{ . | toJSON }}{{ end -}}
], "labels": {"service": {{ $instance.Name | toJSON }}, "node": {{ $instance.Node | toJSON }}}},
{{- end }}{{ end }}{{ end }}{{ end }}
]
`;

function agentTargets(services: readonly string[], port: string): string {
  const ranges = services.map(
    (service) => `{{ range service "${service}|any" }}
{"targets": ["{{ .Address }}:${port}"], "labels": {"node": {{ .Node | toJSON }}}},
{{- end }}`,
  );
  return `[\n${ranges.join("\n")}\n]\n`;
}

/** Replaces a label by the name of the service: Envoy of an API gateway reports the name of its proxy service. */
function ofService(label: string): object {
  return { source_labels: [label, "service"], regex: ".+;(.+)", target_label: label };
}

/**
 * Corrects the destinations of two kinds of Envoy's clusters. A mesh gateway names a service of a peer with its partition, which Consul's
 * rules for labels do not expect: they take the service for a subset, and its namespace for the service. The targets of a failover all have
 * the name of the service that fails over: those after the first get their number, since they can be other services.
 */
const TRUE_DESTINATIONS: readonly object[] = [
  {
    source_labels: ["consul_destination_full_target"],
    regex: "([^.]+)\\.[^.]+\\.[^.]+\\.[^.]+\\.external\\..+",
    target_label: "consul_destination_service",
  },
  {
    source_labels: ["consul_destination_full_target"],
    regex: "[^.]+\\.[^.]+\\.[^.]+\\.([^.]+)\\.external\\..+",
    target_label: "consul_destination_peer",
  },
  {
    source_labels: ["consul_destination_custom_hash", "consul_destination_service"],
    regex: "failover-target~([1-9][0-9]*);(.+)",
    target_label: "consul_destination_service",
    replacement: "$2 (failover $1)",
  },
];

/** Templates of certificates and tokens. Prometheus reads the files again when they change. */
export function renderSecrets({ consul, nomad }: ScrapeOptions): Template[] {
  return Object.entries({ consul, nomad }).flatMap(([agent, scrape]) => {
    const { tls, token } = scrape === false || scrape === undefined ? {} : scrape;
    return Object.entries({ ca: tls?.ca, cert: tls?.cert, key: tls?.key, token }).flatMap(([what, text]) =>
      text === undefined ? [] : [Template.text(text, { destination: `secrets/${agent}-${what}`, changeMode: "noop" })],
    );
  });
}

function agents(name: string, { scheme, tls, token }: AgentScrape): object {
  return {
    params: { format: ["prometheus"] },
    scheme,
    tls_config: tls && {
      ca_file: tls.ca && secretOf(name, "ca"),
      cert_file: tls.cert && secretOf(name, "cert"),
      key_file: tls.key && secretOf(name, "key"),
      server_name: tls.serverName,
      insecure_skip_verify: tls.insecureSkipVerify,
    },
    authorization: token && { credentials_file: secretOf(name, "token") },
    ...targetsOf(name),
  };
}

/** Path of the file of a certificate or token, relative to the configuration file. */
function secretOf(agent: string, what: string): string {
  return `../secrets/${agent}-${what}`;
}

function targetsOf(name: string): object {
  return { file_sd_configs: [{ files: [fileOf(name)], refresh_interval: "30s" }] };
}

function fileOf(name: string): string {
  return `targets-${name}.yml`;
}
