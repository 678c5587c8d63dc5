import { synthesize } from "meshform";
import { MeshStack, readSettings } from "meshform/stacks";
import { addFront } from ".";

/** Try it: `npm run up -- --app examples/gateways/app.ts`. */
synthesize((app) => {
  const settings = readSettings(app);
  const { mesh } = new MeshStack(app, "mesh", settings);
  addFront(mesh, settings);
});
