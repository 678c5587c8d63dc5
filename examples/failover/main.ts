import { synthesize } from "meshform";
import { MeshStack, readSettings } from "meshform/stacks";
import { addFailover } from ".";

synthesize((app) => {
  const settings = readSettings(app);
  const [east, west] = ["dc1", "dc2"].map(
    (datacenter) => new MeshStack(app, datacenter, { ...settings, consulDatacenter: datacenter }).mesh,
  );
  addFailover(east, west, settings);
});
