import { rmSync } from "node:fs";
import { join } from "node:path";
import { Testing } from "cdktf";
import { addAwsStacks } from "../../stacks/aws";
import { withDefaults } from "../../stacks/aws/settings";

/** The presets of the ready-made stacks. */
export const AWS_PRESETS = ["dev", "production"] as const;

/** Their stacks, with all that settings can add to them. */
export const AWS_STACKS = ["aws-cluster", "aws-connection", "aws-edge", "aws-network", "aws-state"];

/** Those of the second region are as those of the first. */
const OF_SECOND_REGION = ["aws-cluster-2", "aws-network-2"];

/** Synthesizes all stacks of both presets to a folder: `<preset>/stacks/<stack>`. */
export function synthesizeAwsPresets(folder: string): void {
  for (const preset of AWS_PRESETS) {
    const app = Testing.app({ outdir: join(folder, preset) });
    const settings = {
      ...{ region: "eu-central-1", preset, stateBucket: "example-state", createStateBucket: true },
      ...{ uiDomain: "mesh.example", zoneId: "Z1", peerRegion: "eu-west-1", hostLogs: true },
    };
    const { cluster } = addAwsStacks(app, withDefaults(settings));
    cluster.cluster.publish(
      { serviceName: "gateway", listeners: [{ protocol: "http", options: { port: 8080 } }] },
      { internetFacing: true, domain: { name: "shop.example", zoneId: "Z1" } },
    );
    app.synth();
    for (const stack of OF_SECOND_REGION) rmSync(join(folder, preset, "stacks", stack), { recursive: true });
  }
}
