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
  readonly type: DashboardPanel["type"];
  /** Width in columns, of 24. */
  readonly width: number;
  readonly height: number;
  /** @see https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts */
  readonly unit: string;
  /** Legend → query. */
  readonly queries: Readonly<Record<string, string>>;
}

/** A destination includes its failover targets, which have a suffix. */
const OF_EDGES = 'consul_source_service=~"$source", consul_destination_service=~"($destination)( [(]failover.+)?"';
const EDGES = `{${OF_EDGES}}`;
const EDGE = "{{consul_source_service}} → {{consul_destination_service}}";

const PANELS: readonly PanelPlan[] = [
  stat("Requests", "reqps", `sum(mesh:edge_requests:rate${EDGES})`),
  stat("Failing", "percentunit", `sum(mesh:edge_errors:rate${EDGES}) / (sum(mesh:edge_requests:rate${EDGES}) > 0)`),
  stat("Slowest connection, p99", "ms", `max(${quantile("0.99")})`),
  stat("Envoys connected to Consul", "percentunit", "avg(envoy_control_plane_connected_state)"),
  stat("Time until the first certificate expires", "s", `min(${leafExpiry()})`),
  stat("Alerts", "none", 'count(ALERTS{alertstate="firing"}) or vector(0)'),
  graph("Requests by connection", "reqps", { [EDGE]: `mesh:edge_requests:rate${EDGES}` }),
  graph("Error ratio by connection", "percentunit", { [EDGE]: `mesh:edge_errors:ratio${EDGES}` }),
  graph("Duration by connection", "ms", { [`${EDGE}, {{quantile}}`]: `mesh:edge_duration_ms:quantile${EDGES}` }),
  graph("Responses by connection and class", "reqps", {
    [`${EDGE}, {{envoy_response_code_class}}xx`]: `sum by (consul_source_service, consul_destination_service, envoy_response_code_class) (rate(envoy_cluster_upstream_rq_xx${EDGES}[$__rate_interval]))`,
  }),
  graph("Requests and connections to failover targets", "reqps", { [EDGE]: `mesh:edge_failovers:rate${EDGES}` }),
  graph("TCP connections by connection", "cps", {
    [`${EDGE}, opened`]: `mesh:edge_connections:rate${EDGES}`,
    [`${EDGE}, failed`]: `mesh:edge_connection_failures:rate${EDGES}`,
  }),
  graph("Bytes by connection", "Bps", {
    [`${EDGE}, answered`]: bytes("rx"),
    [`${EDGE}, asked`]: bytes("tx"),
  }),
  graph("Time until service certificates expire", "s", {
    "{{service}} on {{node}}": `min by (service, node) (${leafExpiry()})`,
  }),
  graph("Leaders", "none", {
    "Consul: {{node}}": "consul_server_isLeader",
    "Nomad: {{node}}": "count by (node) (nomad_nomad_job_status_running)",
  }),
  graph("Scraped targets", "none", { "{{job}} {{service}} on {{node}}": "up" }),
];

/**
 * A Grafana dashboard of the mesh: requests, errors and duration by source and destination, from the series that {@link meshRules} record;
 * certificates, connections of Envoys to Consul, and leaders.
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

function stat(title: string, unit: string, query: string): PanelPlan {
  return { title, type: "stat", width: 4, height: 4, unit, queries: { [title]: query } };
}

function graph(title: string, unit: string, queries: Readonly<Record<string, string>>): PanelPlan {
  return { title, type: "timeseries", width: 8, height: 8, unit, queries };
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
  return plans.map(({ title, type, width, height, unit, queries }, index) => {
    const gridPos = { x, y, w: width, h: height };
    x += width;
    if (x >= 24) {
      [x, y] = [0, y + height];
    }
    return {
      id: index + 1,
      title,
      type,
      gridPos,
      datasource: DATASOURCE,
      fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
      options: type === "stat" ? { reduceOptions: { calcs: ["lastNotNull"] } } : { tooltip: { mode: "multi" } },
      targets: Object.entries(queries).map(([legendFormat, expr], query) => ({
        refId: String.fromCharCode("A".charCodeAt(0) + query),
        datasource: DATASOURCE,
        expr,
        legendFormat,
      })),
    };
  });
}
