import { Run, type UpOptions } from "../../../lab/commands/up/run";
import { Lab } from "../../../lab/hosts/lab";
import { allHosts, topologyOf, type Topology } from "../../../lab/hosts/topology";
import { vaultPaths } from "../../../lab/hosts/vault-host";
import type { Engines } from "../../../lab/machine/engines/engine";

/** What `up` makes of its options and of the lab that there is. */
function topologyAfter(options: Partial<UpOptions>, earlier?: Topology): Topology {
  const lab = new Lab("test");
  jest.spyOn(lab, "topology", "get").mockReturnValue(earlier);
  const app = { name: "app", folder: "/", program: "true" };
  return new Run(lab, {} as Engines, { name: "test", app, engine: "offline", timeoutMs: 0, ...options }).topology;
}

const plain = topologyOf("plain");

test("a lab has a Vault if it is wanted, and keeps it without being told again", () => {
  expect(topologyAfter({}).vault).toBeUndefined();
  expect(topologyAfter({ vault: true }).vault).toBe(true);
  expect(topologyAfter({ vault: true }, plain).vault).toBe(true);
  expect(topologyAfter({}, { ...plain, vault: true }).vault).toBe(true);
  expect(topologyAfter({ vault: false }, plain).vault).toBeUndefined();
  expect(allHosts({ ...plain, vault: true }).map(({ name }) => name)).toContain("vault-1");
});

test("a Vault is not removed from a lab, whose secrets it has", () => {
  expect(() => topologyAfter({ vault: false }, { ...plain, vault: true })).toThrow(
    "Lab test has a Vault, whose secrets would be lost. Remove it first, or use another name.",
  );
});

test("a program that prepares Vault needs one", () => {
  expect(() => topologyAfter({ vaultSetup: "prepare.sh" })).toThrow(
    "--vault-setup is set, but the lab has no Vault. Add --vault, or omit --vault-setup.",
  );
  expect(topologyAfter({ vaultSetup: "prepare.sh" }, { ...plain, vault: true }).vault).toBe(true);
});

test("a WAN federation has one root in Vault, that of the primary; peered datacenters have one each", () => {
  const rootsOf = (join: "wan" | "peering") =>
    topologyAfter({ vault: true, join, datacenters: 2 }).datacenters.map((it) => vaultPaths(it).rootPkiPath);
  expect(rootsOf("wan")).toEqual(["mesh-root", undefined]);
  expect(rootsOf("peering")).toEqual(["mesh-root", "mesh-root-dc2"]);
});
