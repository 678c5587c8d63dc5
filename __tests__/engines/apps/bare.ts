import { synthesize } from "../../../constructs";
import { MeshStack } from "../../../stacks/mesh-stack";
import { readSettings } from "../../../stacks/settings";

/** A mesh without services: what a lab needs to be a lab. With MESHFORM_TEST_VARIANT=broken it refuses to be one. */
synthesize((app) => {
  new MeshStack(app, "mesh", readSettings(app));
  if (process.env.MESHFORM_TEST_VARIANT === "broken") throw new Error("mesh: this app is broken. Fix it.");
});
