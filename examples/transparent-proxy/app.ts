import { synthesize } from "meshform";
import { MeshStack, readSettings } from "meshform/stacks";
import { addPair } from ".";

/** Try it: `npm run up -- --app examples/transparent-proxy/app.ts`. */
synthesize((app) => {
  const settings = readSettings(app);
  const { mesh } = new MeshStack(app, "mesh", settings);
  addPair(mesh, settings);
});
