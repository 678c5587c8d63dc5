import { synthesize } from "../constructs";
import { AccessStack } from "./access-stack";
import { readSettings } from "./settings";

/** The access rules alone, as an app: for a cluster whose workloads are other apps'. */
synthesize((app) => {
  new AccessStack(app, "access", readSettings(app));
});
