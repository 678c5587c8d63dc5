import { synthesize } from "meshform";
import { MeshStack, readSettings } from "meshform/stacks";
import { addServices } from "./services";

synthesize((app) => {
  const { mesh } = new MeshStack(app, "mesh", readSettings(app));
  addServices(mesh);
});
