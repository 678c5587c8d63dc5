import { meshDashboard, type DashboardPanel } from "../../../constructs";

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
