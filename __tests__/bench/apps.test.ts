import type { App } from "cdktf";
import { buildWithMeshform } from "../../bench/meshform-app";
import { buildPlain, plainServicesOf } from "../../bench/plain-app";
import { readOutput } from "../../bench/resources";
import { ringOf } from "../../bench/ring";
import { testApp } from "../support/test-app";

test.each([
  { services: 20, stacks: 1, connections: 2 },
  { services: 20, stacks: 4, connections: 2 },
  { services: 30, stacks: 1, connections: 20 },
])("the two apps of the benchmark emit the same: $services services, $stacks stacks", (shape) => {
  const ring = ringOf(shape);
  const meshform = synthesized((app) => {
    buildWithMeshform(app, ring);
  });
  const plain = synthesized((app) => {
    buildPlain(app, plainServicesOf(ring));
  });

  expect(meshform.stacks).toEqual(plain.stacks);
  expect(meshform.stacks.size).toBe(shape.stacks === 1 ? 1 : 1 + shape.stacks);
  const sizes = [...meshform.stacks.values()].map(({ resources }) => resources.size);
  // Defaults, intentions and job of each, and the mesh's proxy-defaults.
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(3 * shape.services + 1);
});

function synthesized(build: (app: App) => void) {
  const app = testApp();
  build(app);
  app.synth();
  return readOutput(app.outdir);
}
