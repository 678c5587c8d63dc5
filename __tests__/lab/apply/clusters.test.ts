import { Clusters } from "../../../lab/apply/clusters";
import type { SynthesizedStack } from "../../../lab/apply/synthesized";

const endpoints = (name: string) => ({
  consul: { address: `http://consul.${name}` },
  nomad: { address: `http://nomad.${name}` },
});
const [dc1, dc2] = ["dc1", "dc2"].map(endpoints);

function stack(name: string, datacenter?: string): SynthesizedStack {
  const provider = { consul: [datacenter === undefined ? {} : { datacenter }] };
  return { name, dependencies: [], folder: "/", config: { provider } };
}

test("a stack goes to the datacenter that its Consul provider names, or to the first", () => {
  const clusters = new Clusters(dc1, { dc1, dc2 });
  expect(() => {
    clusters.check([stack("a"), stack("b", "dc1"), stack("c", "dc2"), stack("d", "${var.datacenter}")]);
  }).not.toThrow();
  expect([undefined, "dc1", "dc2"].map((name) => clusters.of(name))).toEqual([dc1, dc1, dc2]);
});

test("one datacenter is meant by whatever name, as long as it is one", () => {
  for (const known of [undefined, { dc1 }]) {
    const clusters = new Clusters(dc1, known);
    expect(() => {
      clusters.check([stack("a"), stack("b", "eu"), stack("c", "eu")]);
    }).not.toThrow();
    expect(clusters.of("eu")).toBe(dc1);
  }
});

test("stacks of datacenters that are not there are named, and what to do", () => {
  expect(() => {
    new Clusters(dc1, { dc1 }).check([stack("east", "dc1"), stack("west", "dc2")]);
  }).toThrow("The lab does not have the datacenters of these stacks:\n  west: dc2");
  expect(() => {
    new Clusters(dc1, { dc1, dc2 }).check([stack("north", "dc3")]);
  }).toThrow("It has dc1, dc2. Set the number of datacenters with `--datacenters`.");
});
