import { meshDashboard } from "../../../constructs";

const { panels } = meshDashboard();

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

test("requests, errors and duration follow the choice of source and destination", () => {
  for (const title of ["Requests by connection", "Error ratio by connection", "Duration by connection"]) {
    const [target] = panels.find((panel) => panel.title === title)?.targets ?? [];
    expect(target.expr).toContain('{consul_source_service=~"$source", consul_destination_service=~"$destination"}');
  }
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
