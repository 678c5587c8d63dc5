import { AccessLogs, Metrics, synthesize } from "meshform";
import { MeshStack, readSettings } from "meshform/stacks";
import { addShop } from ".";

/** Try it: `npm run up -- --app examples/metrics/app.ts`. */
synthesize((app) => {
  const settings = readSettings(app);
  const { mesh } = new MeshStack(app, "mesh", {
    ...settings,
    mesh: { metrics: Metrics.prometheus(), accessLogs: AccessLogs.stdout() },
  });
  addShop(mesh, settings);
});
