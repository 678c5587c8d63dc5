import { synthesize } from "./constructs";
import { addCountDashboard } from "./examples/count-dashboard";
import { AccessStack } from "./stacks/access-stack";
import { MeshStack } from "./stacks/mesh-stack";
import { readSettings } from "./stacks/settings";

synthesize((app) => {
  const settings = readSettings(app);
  const access = settings.accessRules ? new AccessStack(app, "access", settings) : undefined;
  const { mesh } = new MeshStack(app, "mesh", { ...settings, access });
  addCountDashboard(mesh, settings);
});
