import { synthesize } from "./constructs";
import { addCountDashboard } from "./examples/count-dashboard";
import { MeshStack } from "./stacks/mesh-stack";
import { readSettings } from "./stacks/settings";

synthesize((app) => {
  const settings = readSettings(app);
  const { mesh } = new MeshStack(app, "mesh", settings);
  addCountDashboard(mesh, settings);
});
