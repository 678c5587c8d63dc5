import { synthesize } from "meshform";
import { MeshStack, readSettings } from "meshform/stacks";
import { addBlueGreen } from ".";

synthesize((app) => {
  const settings = readSettings(app);
  const { mesh } = new MeshStack(app, "mesh", settings);
  addBlueGreen(mesh, { ...settings, live: process.env.LIVE === "green" ? "green" : "blue" });
});
