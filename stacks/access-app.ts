import { synthesize } from "../constructs";
import { AccessStack } from "./access-stack";
import { readSettings } from "./settings";

/** An app that contains only the access rules, for a cluster whose workloads are in other apps. */
synthesize((app) => {
  new AccessStack(app, "access", readSettings(app));
});
