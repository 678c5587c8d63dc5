import { createRequire } from "node:module";
import { ApiGatewayListener, synthesize } from "meshform";
import { AccessStack, keepState, MeshStack, readAwsSettings, readSettings } from "meshform/stacks";
import type * as AwsStacks from "meshform/stacks/aws";
import { addCountDashboard } from "./examples/count-dashboard";

synthesize((app) => {
  const aws = readAwsSettings(app);
  const settings = { ...(aws && { secure: true, accessRules: true }), ...readSettings(app) };
  const access = settings.accessRules ? new AccessStack(app, "access", settings) : undefined;
  const meshStack = new MeshStack(app, "mesh", { ...settings, access });
  const { mesh } = meshStack;
  const dashboard = addCountDashboard(mesh, settings);
  if (aws) {
    // Loaded only here, since it needs the AWS provider.
    const { addAwsStacks } = createRequire(__filename)("meshform/stacks/aws") as typeof AwsStacks;
    const gateway = aws.domain
      ? mesh.addApiGateway("edge", { listeners: [ApiGatewayListener.http({ port: 8080 })] })
      : undefined;
    gateway?.connectTo(dashboard);
    const { cluster } = addAwsStacks(app, aws, { gateway });
    for (const stack of [access, meshStack]) {
      if (stack === undefined) continue;
      stack.addDependency(cluster);
      keepState(stack, aws);
    }
  }
});
