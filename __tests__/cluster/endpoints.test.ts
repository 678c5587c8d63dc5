import { targetsOf } from "../../cluster/endpoints";
import type { SynthesizedStack } from "../../lab/apply/synthesized";

function stack(name: string, provider: object): SynthesizedStack {
  return { name, dependencies: [], folder: "/", config: { provider: provider } };
}

test("the addresses of an app's providers come before the environment, and stacks with the same ones are one cluster", () => {
  const environment = { CONSUL_HTTP_ADDR: "http://a:8500", NOMAD_ADDR: "http://a:4646", CONSUL_HTTP_TOKEN: "t" };
  const own = stack("own", { consul: [{ address: "http://b:8500" }], nomad: [{ address: "${var.nomad}" }] });
  const usual = [stack("mesh", { consul: [{}], nomad: [{}] }), stack("jobs", { nomad: {} })];
  expect(targetsOf([own, ...usual], environment)).toEqual([
    { environment: { ...environment, CONSUL_HTTP_ADDR: "http://b:8500" }, stacks: [own] },
    { environment, stacks: usual },
  ]);
  expect(targetsOf([], environment)).toEqual([{ environment, stacks: [] }]);
});
