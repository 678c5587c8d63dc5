import { createRequire } from "node:module";
import { ApiGatewayListener, synthesize } from "meshform";
import { AccessStack, keepState, MeshStack, readAwsSettings, readSettings } from "meshform/stacks";
import type * as AwsStacks from "meshform/stacks/aws";
import { addCountApi, addCountDashboard } from "./examples/count-dashboard";

synthesize((app) => {
  const aws = readAwsSettings(app);
  const hasPeer = aws?.peerRegion !== undefined;
  const settings = {
    ...(aws && { secure: true, accessRules: true }),
    ...(hasPeer && { consulDatacenter: "dc1" }),
    ...readSettings(app),
  };
  const addMesh = (suffix: string, own: typeof settings) => {
    const access = own.accessRules ? new AccessStack(app, `access${suffix}`, own) : undefined;
    return { access, stack: new MeshStack(app, `mesh${suffix}`, { ...own, access }) };
  };
  const { access, stack } = addMesh("", settings);
  const peer = hasPeer ? addMesh("-2", { ...settings, consulDatacenter: "dc2" }) : undefined;
  const { mesh } = stack;
  const dashboard = addCountDashboard(mesh, { ...settings, spare: peer && addCountApi(peer.stack.mesh, settings) });
  if (aws) {
    // Loaded only here, since it needs the AWS provider.
    const { addAwsStacks, gatewayCount, GATEWAYS } = createRequire(__filename)(
      "meshform/stacks/aws",
    ) as typeof AwsStacks;
    const gateway = aws.domain
      ? mesh.addApiGateway("edge", { listeners: [ApiGatewayListener.http({ port: 8080 })] })
      : undefined;
    gateway?.connectTo(dashboard);
    const added = addAwsStacks(app, aws, { gateway });
    for (const { mesh } of peer ? [stack, peer.stack] : []) {
      mesh.addMeshGateway("mesh-gateway", { nodePool: GATEWAYS, count: gatewayCount(aws) });
    }
    for (const [own, cluster] of [
      [access, added.cluster],
      [stack, added.cluster],
      [peer?.access, added.peer?.cluster],
      [peer?.stack, added.peer?.cluster],
    ] as const) {
      if (own === undefined || cluster === undefined) continue;
      own.addDependency(cluster);
      keepState(own, aws);
    }
  }
});
