import { synthesize } from "../../constructs";
import { MeshStack } from "../../stacks/mesh-stack";
import { readSettings } from "../../stacks/settings";
import { addFront } from ".";

/** Try it: `npm run up -- --app examples/gateways/app.ts`. */
synthesize((app) => {
  const settings = readSettings(app);
  const { mesh } = new MeshStack(app, "mesh", settings);
  addFront(mesh, settings);
});
