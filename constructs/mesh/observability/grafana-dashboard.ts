import { RULE_DEFAULTS } from "./rules";

/** Options of {@link meshDashboard}. */
export interface DashboardOptions {
  /** Title of the dashboard. @default "Service mesh" */
  readonly title?: string;
  /** ID of the dashboard in Grafana's URLs. Importing a dashboard with the same uid replaces it. @default "meshform" */
  readonly uid?: string;
  /** Interval at which Grafana refreshes the dashboard. @default "30s" */
  readonly refresh?: string;
}

/**
 * A dashboard in Grafana's JSON model.
 *
 * @see https://grafana.com/docs/grafana/latest/visualizations/dashboards/build-dashboards/view-dashboard-json-model/
 */
export interface Dashboard {
  /** Title of the dashboard. */
  readonly title: string;
  /** ID of the dashboard in Grafana's URLs. Importing a dashboard with the same uid replaces it. */
  readonly uid: string;
  /** Panels, from left to right and top to bottom. */
  readonly panels: readonly DashboardPanel[];
  readonly [field: string]: unknown;
}

/** A panel of a {@link Dashboard}. */
export interface DashboardPanel {
  /** Title of the panel. */
  readonly title: string;
  /** Visualization: a single number, a graph over time, or a table. */
  readonly type: "stat" | "timeseries" | "table";
  /** Position in the grid, which has 24 columns. */
  readonly gridPos: {
    /** Column of the left edge, from 0. */
    readonly x: number;
    /** Row of the top edge, from 0. A row is 30 pixels. */
    readonly y: number;
    /** Width in columns. */
    readonly w: number;
    /** Height in rows. */
    readonly h: number;
  };
  /** Queries of the panel. */
  readonly targets: readonly {
    /** The query in PromQL. */
    readonly expr: string;
    /** Name of each series. `{{label}}` is replaced by the value of that label. */
    readonly legendFormat: string;
    /** Letter that identifies the query in the panel. */
    readonly refId: string;
  }[];
  readonly [field: string]: unknown;
}

/** A panel without its position, which follows from the order of the panels. */
interface PanelPlan {
  readonly title: string;
  readonly description?: string;
  readonly type: DashboardPanel["type"];
  /** Width in columns, of 24. */
  readonly width: number;
  readonly height: number;
  /** @see https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts */
  readonly unit: string;
  /** Legend → query. */
  readonly queries: Readonly<Record<string, string>>;
  /** Other fields of each query. */
  readonly query?: object;
  readonly options?: object;
  readonly transformations?: readonly object[];
  /** Other settings of all series. */
  readonly defaults?: object;
  /** Settings of some series. */
  readonly overrides?: readonly object[];
}

/** Colour, and the value from which it applies. Grafana's own default is red from 80, whatever the unit. */
type Colours = readonly (readonly [color: string, from: number | null])[];

const NEUTRAL: Colours = [["blue", null]];
const badFrom = (limit: number): Colours => [
  ["green", null],
  ["red", limit],
];
const goodFrom = (limit: number): Colours => [
  ["red", null],
  ["green", limit],
];

/** A query at the end of the time range only. */
const NOW = { instant: true, range: false };

/** A destination includes its failover targets, which have a suffix. */
const OF_EDGES = 'consul_source_service=~"$source", consul_destination_service=~"($destination)( [(]failover.+)?"';
const EDGES = `{${OF_EDGES}}`;
const EDGE = "{{consul_source_service}} → {{consul_destination_service}}";

const PANELS: readonly PanelPlan[] = [
  stat("Requests", "reqps", `sum(mesh:edge_requests:rate${EDGES})`),
  stat(
    "Failing",
    "percentunit",
    // Without requests, the rate of errors, which is 0.
    `sum(mesh:edge_errors:rate${EDGES}) / (sum(mesh:edge_requests:rate${EDGES}) > 0) or sum(mesh:edge_errors:rate${EDGES})`,
    badFrom(RULE_DEFAULTS.errorRatio),
  ),
  // Without requests, a quantile is NaN, and no number.
  stat("Slowest connection, p99", "ms", `max(${quantile("0.99")} >= 0)`, badFrom(RULE_DEFAULTS.latencyMs)),
  {
    ...stat("Envoys connected", "percentunit", "avg(envoy_control_plane_connected_state)", goodFrom(1)),
    description: "Share of the Envoys that are connected to their Consul agent.",
  },
  stat(
    "First certificate expires in",
    "s",
    `min(${leafExpiry()})`,
    goodFrom(RULE_DEFAULTS.leafCertificateHours * 3600),
  ),
  stat("Alerts", "none", 'count(ALERTS{alertstate="firing"}) or vector(0)', badFrom(1)),
  graph("Requests by connection", "reqps", { [EDGE]: `mesh:edge_requests:rate${EDGES}` }),
  graph("Error ratio by connection", "percentunit", { [EDGE]: `mesh:edge_errors:ratio${EDGES}` }),
  graph("Duration by connection", "ms", {
    [`${EDGE}, p50`]: quantile("0.5"),
    [`${EDGE}, p90`]: quantile("0.9"),
    [`${EDGE}, p99`]: quantile("0.99"),
  }),
  graph("Responses by connection and class", "reqps", {
    [`${EDGE}, {{envoy_response_code_class}}xx`]: `sum by (consul_source_service, consul_destination_service, envoy_response_code_class) (rate(envoy_cluster_upstream_rq_xx${EDGES}[$__rate_interval]))`,
  }),
  graph("Requests and connections to failover targets", "reqps", { [EDGE]: `mesh:edge_failovers:rate${EDGES}` }),
  graph("TCP connections by connection", "cps", {
    [`${EDGE}, opened`]: `mesh:edge_connections:rate${EDGES}`,
    [`${EDGE}, failed`]: `mesh:edge_connection_failures:rate${EDGES}`,
  }),
  graph("Bytes by connection", "Bps", {
    [`${EDGE}, received`]: bytes("rx"),
    [`${EDGE}, sent`]: bytes("tx"),
  }),
  graph("Time until service certificates expire", "s", {
    "{{service}} on {{node}}": `min by (service, node) (${leafExpiry()})`,
  }),
  {
    ...graph("Leaders", "none", {
      "Consul: {{node}}": "consul_server_isLeader",
      "Nomad: {{node}}": "count by (node) (nomad_nomad_job_status_running)",
    }),
    // Both are 1, so one line covers the other unless it is thinner.
    overrides: [
      { matcher: { id: "byRegexp", options: "/^Consul/" }, properties: [{ id: "custom.lineWidth", value: 6 }] },
    ],
  },
  graph("Scraped targets", "none", {
    "{{job}}": "sum by (job) (up)",
    "{{job}}, unreachable": "sum by (job) (1 - up)",
  }),
  table(
    "Firing alerts",
    {
      alertname: "Alert",
      severity: "Severity",
      consul_source_service: "From",
      consul_destination_service: "To",
      service: "Service",
      node: "Node",
    },
    'ALERTS{alertstate="firing"}',
  ),
];

/**
 * A dashboard of the mesh for Grafana 8.3 or newer: requests, errors and duration by source and destination, from the series that
 * {@link meshRules} record; certificates, connections of Envoys to Consul, leaders, and firing alerts.
 *
 * @example
 * writeFileSync("mesh-dashboard.json", JSON.stringify(meshDashboard()));
 */
export function meshDashboard(options: DashboardOptions = {}): Dashboard {
  return {
    title: options.title ?? "Service mesh",
    uid: options.uid ?? "meshform",
    tags: ["consul", "envoy"],
    timezone: "browser",
    schemaVersion: 39,
    refresh: options.refresh ?? "30s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [
        { name: "datasource", label: "Prometheus", type: "datasource", query: "prometheus" },
        edgeVariable("source", "From", "consul_source_service"),
        edgeVariable("destination", "To", "consul_destination_service"),
      ],
    },
    panels: placed(PANELS),
  };
}

/** The value at the end of the time range. A query over the range would show the last value that there was, which may be long ago. */
function stat(title: string, unit: string, query: string, colours = NEUTRAL): PanelPlan {
  return {
    ...{ title, type: "stat", width: 4, height: 4, unit },
    queries: { [title]: query },
    query: NOW,
    options: { reduceOptions: { calcs: ["lastNotNull"] }, graphMode: "none" },
    defaults: {
      color: { mode: "thresholds" },
      thresholds: { mode: "absolute", steps: colours.map(([color, value]) => ({ color, value })) },
    },
  };
}

function graph(title: string, unit: string, queries: Readonly<Record<string, string>>): PanelPlan {
  return {
    ...{ title, type: "timeseries", width: 8, height: 8, unit, queries },
    options: { tooltip: { mode: "multi" } },
    // An axis that ends below the threshold of the alert would make few errors look like many.
    ...(unit === "percentunit" && { defaults: { custom: { axisSoftMax: RULE_DEFAULTS.errorRatio } } }),
  };
}

/** The labels of the series that a query returns now. Labels and their headers are columns, from left to right. */
function table(title: string, columns: Readonly<Record<string, string>>, query: string): PanelPlan {
  const labels = Object.keys(columns);
  return {
    ...{ title, type: "table", width: 16, height: 8, unit: "none" },
    queries: { [title]: `max by (${labels.join(", ")}) (${query})` },
    query: { ...NOW, format: "table" },
    transformations: [
      {
        id: "organize",
        options: {
          excludeByName: { Time: true, Value: true },
          indexByName: Object.fromEntries(labels.map((label, index) => [label, index])),
          renameByName: columns,
        },
      },
    ],
  };
}

function quantile(of: string): string {
  return `mesh:edge_duration_ms:quantile{${OF_EDGES}, quantile="${of}"}`;
}

function leafExpiry(): string {
  return "envoy_listener_ssl_certificate_expiration_unix_time_seconds - time()";
}

/** Bytes as the source counts them: `rx` are responses, `tx` are requests. */
function bytes(direction: "rx" | "tx"): string {
  return `sum by (consul_source_service, consul_destination_service) (rate(envoy_cluster_upstream_cx_${direction}_bytes_total${EDGES}[$__rate_interval]))`;
}

function edgeVariable(name: string, label: string, of: string): object {
  return {
    name,
    label,
    type: "query",
    datasource: DATASOURCE,
    query: {
      query: `label_values(mesh:edge_connections:rate{consul_destination_service!~".+ [(]failover.+"}, ${of})`,
      refId: name,
    },
    refresh: 2,
    includeAll: true,
    multi: true,
    // Envoy's connections that are not to a service of the mesh have no destination.
    allValue: ".+",
    current: { text: ["All"], value: ["$__all"] },
  };
}

const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

/** Places the panels from left to right, row by row. All panels of a row have the same height. */
function placed(plans: readonly PanelPlan[]): DashboardPanel[] {
  let [x, y] = [0, 0];
  return plans.map(({ width, height, unit, queries, query, defaults, overrides = [], ...panel }, index) => {
    const gridPos = { x, y, w: width, h: height };
    x += width;
    if (x >= 24) {
      [x, y] = [0, y + height];
    }
    return {
      ...panel,
      id: index + 1,
      gridPos,
      datasource: DATASOURCE,
      fieldConfig: { defaults: { unit, min: 0, ...defaults }, overrides },
      targets: Object.entries(queries).map(([legendFormat, expr], number) => ({
        ...query,
        refId: String.fromCharCode("A".charCodeAt(0) + number),
        datasource: DATASOURCE,
        expr,
        legendFormat,
      })),
    };
  });
}
