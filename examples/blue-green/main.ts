import { synthesize } from "../../constructs";
import { MeshStack } from "../../stacks/mesh-stack";
import { readSettings } from "../../stacks/settings";
import { addBlueGreen } from ".";

synthesize((app) => {
  const settings = readSettings(app);
  const { mesh } = new MeshStack(app, "mesh", settings);
  addBlueGreen(mesh, { ...settings, live: process.env.LIVE === "green" ? "green" : "blue" });
});
