import { synthesize } from "meshform";
import { AccessStack, MeshStack, readSettings } from "meshform/stacks";
import { addCountDashboard } from "./examples/count-dashboard";

synthesize((app) => {
  const settings = readSettings(app);
  const access = settings.accessRules ? new AccessStack(app, "access", settings) : undefined;
  const { mesh } = new MeshStack(app, "mesh", { ...settings, access });
  addCountDashboard(mesh, settings);
});
