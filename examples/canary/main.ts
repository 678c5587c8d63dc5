import { synthesize } from "../../constructs";
import { MeshStack } from "../../stacks/mesh-stack";
import { readSettings } from "../../stacks/settings";
import { addCanary } from ".";

synthesize((app) => {
  const settings = readSettings(app);
  const { mesh } = new MeshStack(app, "mesh", settings);
  addCanary(mesh, { ...settings, percent: Number(process.env.CANARY_PERCENT ?? 10) });
});
