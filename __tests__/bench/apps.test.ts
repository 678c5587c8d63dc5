import { rmSync } from "node:fs";
import { Testing } from "cdktf";
import { buildWithMeshform } from "../../bench/meshform-app";
import { buildPlain, plainServicesOf } from "../../bench/plain-app";
import { readResources } from "../../bench/resources";
import { ringOf } from "../../bench/ring";

const meshform = Testing.app();
const plain = Testing.app();

afterAll(() => {
  for (const { outdir } of [meshform, plain]) {
    rmSync(outdir, { recursive: true });
  }
});

test("the two apps of the benchmark emit the same resources", () => {
  const ring = ringOf(20);
  buildWithMeshform(meshform, ring);
  meshform.synth();
  buildPlain(plain, plainServicesOf(ring));
  plain.synth();

  const resources = readResources(meshform.outdir);
  expect(resources).toEqual(readResources(plain.outdir));
  // Defaults, intentions and job of each, and the mesh's proxy-defaults.
  expect(resources.size).toBe(3 * ring.length + 1);
});
