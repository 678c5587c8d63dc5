import { join } from "node:path";
import { meshDashboard } from "../../constructs";
import { eventually } from "../support/eventually";
import { TestLab } from "../support/lab";
import { SERVERS } from "../support/profile";
import { PrometheusApi, type Sample } from "../support/prometheus";

const MINUTE = 60_000;
const lab = new TestLab(`metrics-${process.pid}`, join(__dirname, "apps", "observed.ts"));
const prometheus = new PrometheusApi(() => lab.url("prometheus"));

/** Source and destination of each connection of the shop. */
const EDGES = ["front → orders", "orders → stock"];

interface Span {
  readonly protocol: string;
  readonly service: string;
  readonly trace: string;
}

beforeAll(async () => {
  await lab.mustUp("zipkin");
}, 10 * MINUTE);

afterAll(async () => {
  await lab.down();
}, MINUTE);

async function request(times: number): Promise<number[]> {
  const answers: number[] = [];
  for (let n = 0; n < times; n++) {
    const response = await fetch(lab.url("front"), { signal: AbortSignal.timeout(5_000) });
    await response.arrayBuffer();
    answers.push(response.status);
  }
  return answers;
}

test("Prometheus finds each Envoy, two of one group too, Consul and Nomad in Consul's catalog, and can scrape each", async () => {
  await eventually(async () => {
    expect(await prometheus.targets()).toEqual(
      [
        ...SERVERS.map((node) => `consul ${node} 1`),
        ...["collector", "collector-admin", "front", "gate", "orders", "prometheus", "stock"].map(
          (it) => `envoy ${it} 1`,
        ),
        ...["client-1", "client-2", ...SERVERS].map((node) => `nomad ${node} 1`),
        "prometheus  1",
      ].sort(),
    );
  });
});

test("every rule can be evaluated", async () => {
  const { groups } = await prometheus.get<{
    groups: { rules: { name: string; health: string; lastError?: string }[] }[];
  }>("rules");
  const rules = groups.flatMap((group) => group.rules);
  expect(rules.length).toBeGreaterThan(15);
  expect(rules.filter(({ health, lastError }) => health === "err" || lastError !== undefined)).toEqual([]);
});

test(
  "it holds request rate, error rate and latency of each edge",
  async () => {
    const counted = "sum by (consul_source_service, consul_destination_service) (envoy_cluster_upstream_rq_xx)";
    const before = await scrapedSince(Date.now(), () => prometheus.queryEdges(counted));
    expect(new Set(await request(40))).toEqual(new Set([200]));
    const after = await scrapedSince(Date.now(), () => prometheus.queryEdges(counted));
    expect(EDGES.map((edge) => after[edge] - (before[edge] ?? 0))).toEqual([40, 40]);

    // Rates are over the last ten seconds, and Envoy sums up its histograms every five.
    const quantile = (q: number) => prometheus.queryEdges(`mesh:edge_duration_ms:quantile{quantile="${q}"}`);
    await eventually(async () => {
      await request(5);
      const [rate, half, most, nearlyAll] = await Promise.all([
        prometheus.queryEdges("mesh:edge_requests:rate"),
        ...[0.5, 0.9, 0.99].map(quantile),
      ]);
      for (const edge of EDGES) {
        expect(rate[edge]).toBeGreaterThan(1);
        expect(half[edge]).toBeGreaterThan(0);
        expect(most[edge]).toBeGreaterThanOrEqual(half[edge]);
        expect(nearlyAll[edge]).toBeGreaterThanOrEqual(most[edge]);
      }
    });
    const ratio = await prometheus.queryEdges("mesh:edge_errors:ratio");
    expect(ratio).toEqual(Object.fromEntries(EDGES.map((edge) => [edge, 0])));
  },
  2 * MINUTE,
);

test(
  "a gateway is a source of requests like a service",
  async () => {
    await eventually(async () => {
      const response = await fetch(lab.url("gate"), { signal: AbortSignal.timeout(5_000) });
      expect(await response.json()).toMatchObject({ name: "orders" });
      expect((await prometheus.queryEdges("mesh:edge_requests:rate"))["gate → orders"]).toBeGreaterThan(0);
    });
  },
  MINUTE,
);

test("what a failover target answers is counted under the name of the service that fails over, as that of a target", async () => {
  await eventually(async () => {
    const response = await fetch(`${lab.url("gate")}/spare`, { signal: AbortSignal.timeout(5_000) });
    expect(await response.json()).toMatchObject({ name: "orders" });
    expect(await prometheus.queryEdges("mesh:edge_failovers:rate")).toEqual({
      "gate → spare (failover 1)": expect.any(Number) as number,
    });
  }, MINUTE);
});

test(
  "each query of the dashboard has an answer, but that for alerts, and none is about connections without a destination",
  async () => {
    const queries = meshDashboard()
      .panels.filter(({ type }) => type !== "table")
      .flatMap(({ title, targets }) =>
        targets.map(({ expr }) => ({
          title,
          expr: expr.replaceAll("$source", ".+").replaceAll("$destination", ".+").replaceAll("$__rate_interval", "10s"),
        })),
      );
    expect(queries.length).toBeGreaterThan(15);
    await eventually(async () => {
      await request(5);
      const answers = await Promise.all(
        queries.map(async ({ title, expr }) => ({ title, expr, samples: await prometheus.query(expr) })),
      );
      expect(answers.filter(({ samples }) => !samples.some(isNumber))).toEqual([]);
      const nowhere = answers.filter(({ samples }) =>
        samples.some(
          ({ metric }) => metric.consul_source_service !== undefined && metric.consul_destination_service === undefined,
        ),
      );
      expect(nowhere.filter(({ title }) => title.includes("by connection"))).toEqual([]);
    }, MINUTE);
  },
  2 * MINUTE,
);

test(
  "a service that fails makes the alert on errors fire, for each edge that is hurt, and repairing it ends that",
  async () => {
    const hurt = () =>
      prometheus.firing(
        "MeshErrorRateHigh",
        (labels) => `${labels.consul_source_service ?? ""} → ${labels.consul_destination_service ?? ""}`,
      );
    expect(await hurt()).toEqual([]);
    await tellStock("fail");
    await eventually(async () => {
      expect(new Set(await request(5))).toEqual(new Set([502]));
      expect(await hurt()).toEqual(EDGES);
    }, MINUTE);
    await tellStock("repair");
    await eventually(async () => {
      expect(new Set(await request(5))).toEqual(new Set([200]));
      expect(await hurt()).toEqual([]);
    }, MINUTE);
  },
  4 * MINUTE,
);

test(
  "an Envoy that has lost its Consul agent raises an alert, until the agent is back",
  async () => {
    const disconnected = () => prometheus.firing("EnvoyDisconnected", ({ service }) => service ?? "");
    // Not the node whose Consul tells Prometheus what there is.
    const envoys = (await prometheus.query('up{job="envoy"}')).map(({ metric }) => metric);
    const own = envoys.find(({ service }) => service === "prometheus");
    const lost = envoys.find(({ node }) => node !== own?.node);
    expect(await disconnected()).toEqual([]);
    const onNode = async (command: string) =>
      expect(await lab.meshform(["exec", lost?.node ?? "", "--", "sh", "-ec", command])).toExit(0);
    // Killed, since an agent that ends in order takes its services with it; and gone, since it would be started again.
    await onNode("mv /usr/local/bin/consul /usr/local/bin/consul.away; kill -KILL $(pidof consul)");
    await eventually(async () => expect(await disconnected()).toContain(lost?.service), MINUTE);
    await onNode("mv /usr/local/bin/consul.away /usr/local/bin/consul");
    await eventually(async () => {
      expect(await disconnected()).toEqual([]);
      // Consul has taken the lost instances for dead meanwhile.
      expect(new Set(await request(5))).toEqual(new Set([200]));
    }, 2 * MINUTE);
  },
  4 * MINUTE,
);

test("each request is in the access log of the Envoys that it passes, as the mesh says", async () => {
  const id = `access-log-test-${process.pid}`;
  await fetch(lab.url("front"), { headers: { "x-request-id": id }, signal: AbortSignal.timeout(5_000) });
  for (const [service, to] of [
    ["front", /^orders\./],
    ["orders", /^stock\./],
    ["stock", /^local_app$/],
  ] as const) {
    await eventually(async () => {
      const { output } = await lab.meshform(["logs", "--sidecar", service]);
      const line = output
        .split("\n")
        .find((text) => text.includes(id) && to.test(/"to":"(.*?)"/.exec(text)?.[1] ?? ""));
      expect(JSON.parse(line?.slice(line.indexOf("{")) ?? "null")).toMatchObject({ id, path: "/", status: 200 });
    });
  }
}, 60_000);

test(
  "one request is one trace through all services, over Zipkin",
  async () => {
    await expectTraces("zipkin");
  },
  MINUTE,
);

test(
  "each Envoy serves its statistics in its own formats, and nothing else of its admin interface",
  async () => {
    const instances = await lab.api<{ ServiceMeta: Record<string, string> }[]>("Consul", "/v1/catalog/service/orders");
    const address = instances[0]?.ServiceMeta.envoy_stats_address;
    const read = async (path: string) =>
      (await lab.onHost("server-1", "curl", "-sS", `http://${address}${path}`)).output;
    const stats = await read("/stats");
    expect(stats).toMatch(/^cluster\.local_agent\.upstream_rq_active: /m);
    expect(stats).toMatch(/^http\.public_listener\./m);
    expect(await read("/stats/prometheus")).toMatch(
      /^envoy_http_downstream_rq_active\{.*consul_source_service="orders"/m,
    );
    expect(await read("/config_dump")).not.toContain("bootstrap");
  },
  2 * MINUTE,
);

test(
  "each Envoy sends its metrics to a StatsD and to a DogStatsD agent, here with tags for the service and the allocation",
  async () => {
    const sent = async (agent: string) =>
      new Map((await (await fetch(`${lab.url("collector")}/${agent}`)).json()) as [string, string][]);
    await eventually(async () => {
      await request(5);
      const [plain, tagged] = [[...(await sent("statsd")).keys()], [...(await sent("dogstatsd")).keys()]];
      expect(plain.filter((name) => /^envoy\.cluster\..*orders.*upstream_rq_total/.test(name))).not.toEqual([]);
      const requests = tagged.filter((name) => name.startsWith("envoy.cluster.upstream_rq_total|"));
      for (const service of ["front", "orders", "stock"]) {
        const tags = new RegExp(`[#,]nomad\\.job:${service},.*local_cluster:${service}(,|$)`);
        expect(requests.filter((name) => tags.test(name))).not.toEqual([]);
      }
    }, MINUTE);
  },
  2 * MINUTE,
);

test(
  "a second up with metrics, logs and tracing changes nothing",
  async () => {
    const { code, output } = await lab.up("zipkin");
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining("Nothing changed") as unknown });
  },
  MINUTE,
);

test.each(["otlp-grpc", "otlp-http"])(
  "another collector replaces the Envoys, and gets the traces: %s",
  async (protocol) => {
    const { code, output } = await lab.up(protocol);
    expect({ code, output }).toExit(0);
    await expectTraces(protocol);
  },
  5 * MINUTE,
);

/** Reads what Prometheus knows once it has scraped every Envoy after a moment. */
async function scrapedSince<T>(moment: number, read: () => Promise<T>): Promise<T> {
  return eventually(async () => {
    const times = await prometheus.query("timestamp(envoy_server_uptime)");
    expect(Math.min(...times.map(({ value }) => value * 1000))).toBeGreaterThan(moment);
    return read();
  });
}

async function tellStock(what: "fail" | "repair"): Promise<void> {
  const [{ ID }] = await lab.api<{ ID: string; ClientStatus: string }[]>("Nomad", "/v1/job/stock/allocations");
  const command = `fetch("http://127.0.0.1:9011/${what}", { method: "POST" }).then((r) => process.exit(r.ok ? 0 : 1))`;
  expect(await lab.inTask(ID, "stock", ["node", "-e", command])).toExit(0);
}

async function expectTraces(protocol: string): Promise<void> {
  await eventually(async () => {
    await request(1);
    const spans = (await (await fetch(`${lab.url("collector")}/spans`)).json()) as Span[];
    expect(new Set(spans.map((span) => span.protocol))).toEqual(new Set([protocol]));
    const travels = new Map<string, Set<string>>();
    for (const { trace, service } of spans) {
      travels.set(trace, (travels.get(trace) ?? new Set()).add(service));
    }
    expect([...travels.values()]).toContainEqual(new Set(["front", "orders", "stock"]));
  });
}

function isNumber({ value }: Sample): boolean {
  return !Number.isNaN(value);
}
