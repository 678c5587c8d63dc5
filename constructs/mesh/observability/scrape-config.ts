import { METRICS_ADDRESS } from "../../nomad/envoy-metrics";
import * as is from "../../core/shape";
import { Template } from "../../nomad/template";
import { PROMETHEUS_DURATION, prometheusDuration } from "./prometheus-duration";
import { renderYaml } from "./yaml";
import type { DurationLike } from "../../core/duration";

/** How the agents of Consul or Nomad are scraped. */
export interface AgentScrape {
  /** @default "http" */
  readonly scheme?: "http" | "https";
  /** @default 8500 or, with https, 8501 for Consul; for Nomad what it has in Consul */
  readonly port?: number;
  /** What TLS needs, where the scheme is https. @default the machine's authorities */
  readonly tls?: AgentScrapeTls;
  /**
   * The token that the scrape shows: Consul wants one that may read agents, Nomad none. A text that Nomad renders into the
   * task's secrets as a template, such as `{{ with nomadVar "nomad/jobs/prometheus" }}{{ .consul_token }}{{ end }}`.
   *
   * @default none
   */
  readonly token?: string;
}

/**
 * Certificates of a scrape. Each is a text that Nomad renders into the task's secrets as a template, so that no key is in the
 * job: `{{ with nomadVar "nomad/jobs/prometheus" }}{{ .key }}{{ end }}`.
 */
export interface AgentScrapeTls {
  /** Authorities that sign the agents' certificates, PEM. @default the machine's */
  readonly ca?: string;
  /** The scrape's own certificate, where the agents ask for one, PEM. @default none */
  readonly cert?: string;
  /** Its key, PEM. @default none */
  readonly key?: string;
  /** A name that is in every agent's certificate. @default the address */
  readonly serverName?: string;
  /** Whether the agents' certificates are not looked at. @default false */
  readonly insecureSkipVerify?: boolean;
}

/** What Prometheus scrapes, how often, and whom it tells. */
export interface ScrapeOptions {
  /** Port on which Prometheus itself answers. @default 9090 */
  readonly port?: number;
  /** Time between two scrapes of a target. @default "15s" */
  readonly scrapeInterval?: DurationLike;
  /** Time between two evaluations of the rules. @default scrapeInterval */
  readonly evaluationInterval?: DurationLike;
  /** Labels on all that leaves this Prometheus: alerts, federation, remote writes. @default none */
  readonly externalLabels?: Readonly<Record<string, string>>;
  /** `host:port` of each Alertmanager. @default none: alerts are only shown */
  readonly alertmanagers?: readonly string[];
  /** How Consul's servers are scraped; `false` for not at all. @default plain HTTP on port 8500 */
  readonly consul?: AgentScrape | false;
  /** How Nomad's agents are scraped; `false` for not at all. @default plain HTTP on the port they have in Consul */
  readonly nomad?: AgentScrape | false;
  /** Further entries of `scrape_configs`, as Prometheus takes them. @default none */
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
 * Prometheus' configuration. Paths are relative to its own folder.
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
        metric_relabel_configs: ["consul_source_service", "local_cluster"].map(ofService),
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
 * The lists of targets, by file name: templates over Consul's catalog, each a YAML flow sequence, in which a comma may come
 * last.
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
 * Sidecars repeat the metadata of their service, so one look at each service is enough. Sick instances are of interest too.
 * Prometheus' own Envoy is in its own allocation, which many networks do not let reach itself by way of its node.
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

/** The Envoy of an API gateway calls itself after the service by which it comes to its configuration. */
function ofService(label: string): object {
  return { source_labels: [label, "service"], regex: ".+;(.+)", target_label: label };
}

/** Certificates and tokens, as Nomad renders them. Prometheus reads them again when they change. */
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

/** Where, seen from the configuration, Nomad renders a certificate or token. */
function secretOf(agent: string, what: string): string {
  return `../secrets/${agent}-${what}`;
}

function targetsOf(name: string): object {
  return { file_sd_configs: [{ files: [fileOf(name)], refresh_interval: "30s" }] };
}

function fileOf(name: string): string {
  return `targets-${name}.yml`;
}
