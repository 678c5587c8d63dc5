import { synthesize } from "meshform";
import { MeshStack, readSettings } from "meshform/stacks";
import { addCanary } from ".";

synthesize((app) => {
  const settings = readSettings(app);
  const { mesh } = new MeshStack(app, "mesh", settings);
  addCanary(mesh, { ...settings, percent: Number(process.env.CANARY_PERCENT ?? 10) });
});
