import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LabFiles } from "../../lab/core/lab-files";
import { eventually } from "../support/eventually";
import { TestLab } from "../support/lab";
import { PrometheusApi } from "../support/prometheus";

const MINUTE = 60_000;
const name = `secure-metrics-${process.pid}`;
const lab = new TestLab(name, join(__dirname, "apps", "observed.ts"));
const prometheus = new PrometheusApi(() => lab.url("prometheus"));
const servers = ["server-1", "server-2", "server-3"];
const clients = ["client-1", "client-2"];

beforeAll(async () => {
  await lab.mustUp("none", "--secure");
}, 10 * MINUTE);

afterAll(async () => {
  await lab.down();
}, MINUTE);

test(
  "Prometheus finds and scrapes Envoys and agents of a cluster that denies by default",
  async () => {
    await eventually(async () => {
      expect(await prometheus.targets()).toEqual(
        [
          ...servers.map((node) => `consul ${node} 1`),
          ...["collector", "collector-admin", "front", "gate", "orders", "prometheus", "stock"].map(
            (it) => `envoy ${it} 1`,
          ),
          ...[...servers, ...clients].map((node) => `nomad ${node} 1`),
          "prometheus  1",
        ].sort(),
      );
    }, MINUTE);
  },
  2 * MINUTE,
);

test(
  "it sees one leader of three in each engine, certificates with their time, and nothing to alert of",
  async () => {
    await eventually(async () => {
      expect(await prometheus.query("sum(consul_server_isLeader)")).toMatchObject([{ value: 1 }]);
      expect(await prometheus.query("count(nomad_nomad_job_status_running)")).toMatchObject([{ value: 1 }]);
      expect(await prometheus.query("count(consul_agent_tls_cert_expiry > 86400)")).toMatchObject([{ value: 3 }]);
      expect(await prometheus.query('ALERTS{alertstate="firing"}')).toEqual([]);
    }, MINUTE);
  },
  2 * MINUTE,
);

test(
  "it holds each edge there too",
  async () => {
    await eventually(async () => {
      for (const door of ["front", "gate"]) {
        const response = await fetch(lab.url(door), { signal: AbortSignal.timeout(5_000) });
        expect(response.status).toBe(200);
      }
      const rates = await prometheus.queryEdges("mesh:edge_requests:rate");
      expect(rates).toEqual({
        "front → orders": expect.any(Number) as unknown,
        "gate → orders": expect.any(Number) as unknown,
        "orders → stock": expect.any(Number) as unknown,
      });
      expect(Math.min(...Object.values(rates))).toBeGreaterThan(0);
    });
  },
  MINUTE,
);

test("what it shows to the agents is neither in its job, nor in what was applied", async () => {
  const files = new LabFiles(name);
  const { tokens, consul } = JSON.parse(readFileSync(files.secret("dc1", "prometheus"), "utf8")) as {
    tokens: { prometheus: string };
    consul: { key: string };
  };
  const job = JSON.stringify(await lab.api("Nomad", "/v1/job/prometheus"));
  const applied = [files.synthesized, files.applied].map(contentBelow).join("");
  expect(applied).toContain("local/prometheus.yml");
  const key = consul.key.split("\n")[1];
  for (const secret of [tokens.prometheus, key]) {
    expect(job).not.toContain(secret);
    expect(applied).not.toContain(secret);
  }
});

function contentBelow(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .join("");
}
