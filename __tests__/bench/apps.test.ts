import { Testing } from "cdktf";
import { buildWithMeshform } from "../../bench/meshform-app";
import { buildPlain, plainServicesOf } from "../../bench/plain-app";
import { readResources } from "../../bench/resources";
import { ringOf } from "../../bench/ring";

test("the two apps of the benchmark emit the same resources", () => {
  const ring = ringOf(20);
  const meshform = Testing.app();
  buildWithMeshform(meshform, ring);
  meshform.synth();
  const plain = Testing.app();
  buildPlain(plain, plainServicesOf(ring));
  plain.synth();

  const resources = readResources(meshform.outdir);
  expect(resources).toEqual(readResources(plain.outdir));
  // Defaults, intentions and job of each, and the mesh's proxy-defaults.
  expect(resources.size).toBe(3 * ring.length + 1);
});
