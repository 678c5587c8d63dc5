import { meshDashboard, meshRules, type DashboardPanel } from "../../../constructs";

const { panels, templating } = meshDashboard();

/** What Grafana puts in place of `$source` and `$destination`. */
function chosen(expr: string, source: string, destination: string): string {
  return expr.replaceAll("$source", source).replaceAll("$destination", destination);
}

function panel(title: string): DashboardPanel {
  const found = panels.find((it) => it.title === title);
  if (found === undefined) {
    throw new Error(`No panel has the title ${title}`);
  }
  return found;
}

/** The colour of a panel's value. */
function colour(title: string, value: number): string | undefined {
  const { fieldConfig } = panel(title) as unknown as {
    fieldConfig: { defaults: { thresholds: { steps: { color: string; value: number | null }[] } } };
  };
  return fieldConfig.defaults.thresholds.steps.filter((step) => value >= (step.value ?? -Infinity)).at(-1)?.color;
}

test("no two panels overlap, and none is wider than the page", () => {
  const taken = new Set<string>();
  for (const { gridPos } of panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(x).toBeLessThan(24);
        expect(taken).not.toContain(`${x},${y}`);
        taken.add(`${x},${y}`);
      }
    }
  }
});

test("each panel of connections follows the choice of source and destination", () => {
  const ofConnections = panels.filter(({ title }) => /connection|Requests|Failing/.test(title));
  expect(ofConnections.length).toBe(10);
  for (const { targets } of ofConnections) {
    for (const { expr } of targets) {
      expect(chosen(expr, "front", "orders")).toContain(
        '{consul_source_service=~"front", consul_destination_service=~"(orders)( [(]failover.+)?"',
      );
    }
  }
});

test("who chooses a destination sees its failover targets too, of which the menus have none", () => {
  const [, matcher] =
    /consul_destination_service=~"(.*?)"/.exec(
      chosen(panel("Bytes by connection").targets[0].expr, ".+", "(orders|stock)"),
    ) ?? [];
  const matches = (destination: string) => new RegExp(`^(${matcher})$`).test(destination);
  expect(["orders", "orders (failover 1)", "stock"].filter(matches)).toHaveLength(3);
  expect(["orders2", "other (failover 1)", ""].filter(matches)).toEqual([]);
  expect(JSON.stringify(templating)).toContain('consul_destination_service!~\\".+ [(]failover.+\\"');
});

test("with all destinations, Envoy's connections without one are not shown", () => {
  const { list } = templating as { list: { name: string; allValue?: string }[] };
  expect(list.map(({ allValue }) => allValue)).toEqual([undefined, ".+", ".+"]);
});

test("a single number is the value now, and red only when it is bad", () => {
  for (const { targets } of panels.filter(({ type }) => type === "stat")) {
    expect(targets).toMatchObject([{ instant: true, range: false }]);
  }
  expect([0, 0.01, 0.05, 1].map((it) => colour("Failing", it))).toEqual(["green", "green", "red", "red"]);
  expect([80, 1000].map((it) => colour("Slowest connection, p99", it))).toEqual(["green", "red"]);
  expect([1, 0.99].map((it) => colour("Envoys connected", it))).toEqual(["green", "red"]);
  expect([71, 5].map((hours) => colour("First certificate expires in", hours * 3600))).toEqual(["green", "red"]);
  expect([0, 1].map((it) => colour("Alerts", it))).toEqual(["green", "red"]);
  expect([0, 10_000].map((it) => colour("Requests", it))).toEqual(["blue", "blue"]);
});

test("numbers become red where the alerts fire by default", () => {
  const limits = Object.fromEntries(
    meshRules().flatMap(({ rules }) =>
      rules.flatMap((rule) => ("alert" in rule ? [[rule.alert, rule.expr] as const] : [])),
    ),
  );
  expect(limits.MeshErrorRateHigh).toContain("> 0.05 ");
  expect(limits.MeshLatencyHigh).toContain("> 1000 ");
  expect(limits.ServiceCertificateExpires).toMatch(/< 21600$/);
});

test("the axis of error ratios reaches the threshold of the alert, so that few errors do not look like many", () => {
  const { fieldConfig } = panel("Error ratio by connection");
  expect(fieldConfig).toMatchObject({ defaults: { unit: "percentunit", min: 0, custom: { axisSoftMax: 0.05 } } });
});

test("the table of alerts has a row for each alert, with columns that name what is wrong", () => {
  const { targets, transformations } = panel("Firing alerts");
  expect(targets).toMatchObject([{ format: "table", instant: true }]);
  expect(targets[0].expr).toBe(
    'max by (alertname, severity, consul_source_service, consul_destination_service, service, node) (ALERTS{alertstate="firing"})',
  );
  expect(transformations).toMatchObject([
    { id: "organize", options: { excludeByName: { Time: true, Value: true }, renameByName: { node: "Node" } } },
  ]);
});

test("panels and variables ask the data source that is chosen, and ids are unique", () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { datasource } of panels) {
    expect(datasource).toEqual({ type: "prometheus", uid: "${datasource}" });
  }
});

test("title, uid and refresh can be chosen", () => {
  const options = { title: "Shop", uid: "shop", refresh: "5s" };
  expect(meshDashboard(options)).toMatchObject(options);
  expect(meshDashboard()).toMatchObject({ title: "Service mesh", uid: "meshform", refresh: "30s" });
});
