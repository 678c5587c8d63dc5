const { synthesize } = require("meshform");
const { MeshStack, readSettings } = require("meshform/stacks");
const { addServices } = require("./services");

synthesize((app) => {
  const { mesh } = new MeshStack(app, "mesh", readSettings(app));
  addServices(mesh);
});
