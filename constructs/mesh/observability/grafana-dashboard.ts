/** Options of {@link meshDashboard}. */
export interface DashboardOptions {
  /** @default "Service mesh" */
  readonly title?: string;
  /** Names the dashboard in Grafana's URLs; importing one of the same uid replaces it. @default "meshform" */
  readonly uid?: string;
  /** How often it looks again. @default "30s" */
  readonly refresh?: string;
}

/**
 * A dashboard in Grafana's JSON model.
 *
 * @see https://grafana.com/docs/grafana/latest/visualizations/dashboards/build-dashboards/view-dashboard-json-model/
 */
export interface Dashboard {
  /** Heading in Grafana. */
  readonly title: string;
  /** Names the dashboard in Grafana's URLs; importing one of the same uid replaces it. */
  readonly uid: string;
  /** What it shows, from left to right and top to bottom. */
  readonly panels: readonly DashboardPanel[];
  readonly [field: string]: unknown;
}

/** A panel of a {@link Dashboard}. */
export interface DashboardPanel {
  /** Heading of the panel. */
  readonly title: string;
  /** Grafana's visualization: one number, a graph over time, or a table. */
  readonly type: "stat" | "timeseries" | "table";
  /** Its place in the grid of 24 columns. */
  readonly gridPos: {
    /** Column of its left edge, from 0. */
    readonly x: number;
    /** Row of its top edge, from 0; a row is 30 pixels. */
    readonly y: number;
    /** Width in columns. */
    readonly w: number;
    /** Height in rows. */
    readonly h: number;
  };
  /** Its queries. */
  readonly targets: readonly {
    /** The query in PromQL. */
    readonly expr: string;
    /** Name of each series; `{{label}}` stands for a label's value. */
    readonly legendFormat: string;
    /** Letter that tells the query from others of the panel. */
    readonly refId: string;
  }[];
  readonly [field: string]: unknown;
}

/** What a panel is made from; its place follows from the order. */
interface PanelPlan {
  readonly title: string;
  readonly type: DashboardPanel["type"];
  /** Of 24 columns. */
  readonly width: number;
  readonly height: number;
  /** @see https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts */
  readonly unit: string;
  /** Legend → query. */
  readonly queries: Readonly<Record<string, string>>;
}

const EDGES = '{consul_source_service=~"$source", consul_destination_service=~"$destination"}';
const EDGE = "{{consul_source_service}} → {{consul_destination_service}}";

const PANELS: readonly PanelPlan[] = [
  stat("Requests", "reqps", `sum(mesh:edge_requests:rate${EDGES})`),
  stat("Failing", "percentunit", `sum(mesh:edge_errors:rate${EDGES}) / (sum(mesh:edge_requests:rate${EDGES}) > 0)`),
  stat(
    "Slowest connection, p99",
    "ms",
    `max(mesh:edge_duration_ms:quantile${EDGES.replace("}", ', quantile="0.99"}')})`,
  ),
  stat("Envoys connected to Consul", "percentunit", "avg(envoy_control_plane_connected_state)"),
  stat("Time until the first certificate expires", "s", `min(${leafExpiry()})`),
  stat("Alerts", "none", 'count(ALERTS{alertstate="firing"}) or vector(0)'),
  graph("Requests by connection", "reqps", { [EDGE]: `mesh:edge_requests:rate${EDGES}` }),
  graph("Error ratio by connection", "percentunit", { [EDGE]: `mesh:edge_errors:ratio${EDGES}` }),
  graph("Duration by connection", "ms", { [`${EDGE}, {{quantile}}`]: `mesh:edge_duration_ms:quantile${EDGES}` }),
  graph("Responses by connection and class", "reqps", {
    [`${EDGE}, {{envoy_response_code_class}}xx`]: `sum by (consul_source_service, consul_destination_service, envoy_response_code_class) (rate(envoy_cluster_upstream_rq_xx${EDGES}[$__rate_interval]))`,
  }),
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
 * A dashboard of the mesh for Grafana: requests, errors and duration by source and destination, over what
 * {@link meshRules} record; certificates, control plane, leaders.
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

function leafExpiry(): string {
  return "envoy_listener_ssl_certificate_expiration_unix_time_seconds - time()";
}

/** Seen from the source: what it receives is the answer. */
function bytes(direction: "rx" | "tx"): string {
  return `sum by (consul_source_service, consul_destination_service) (rate(envoy_cluster_upstream_cx_${direction}_bytes_total${EDGES}[$__rate_interval]))`;
}

function edgeVariable(name: string, label: string, of: string): object {
  return {
    name,
    label,
    type: "query",
    datasource: DATASOURCE,
    query: { query: `label_values(mesh:edge_connections:rate, ${of})`, refId: name },
    refresh: 2,
    includeAll: true,
    multi: true,
    allValue: ".*",
    current: { text: ["All"], value: ["$__all"] },
  };
}

const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

/** From left to right, then the next row; all panels of a row are equally high. */
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
