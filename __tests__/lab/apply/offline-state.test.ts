import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AppliedResource, OfflineState } from "../../../lab/apply/offline-state";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshform-state-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function resource(name: string, more: Partial<AppliedResource> = {}): AppliedResource {
  return { address: `mesh/${name}`, type: "consul_config_entry", identity: { Name: name }, sent: "digest", ...more };
}

function namesIn(state: OfflineState): string[] {
  return state.resources.map(({ address, live }) => `${address}${live ?? ""}`);
}

function steps(state: OfflineState): void {
  state.put(resource("a"));
  state.put(resource("a", { live: "!" }));
  state.put(resource("b"));
  state.delete("mesh/a");
}

const SEEN = [[], ["mesh/a"], ["mesh/a!"], ["mesh/a!", "mesh/b"], ["mesh/b"]];

test("what was done is known after a crash, wherever it cut off what was being written, and the next step is written after it", () => {
  steps(new OfflineState(folder));
  const journal = join(folder, "offline-state.journal");
  const { length } = readFileSync(journal);
  let last = SEEN.length - 1;
  for (let end = length; end >= 0; end--) {
    truncateSync(journal, end);
    const names = namesIn(new OfflineState(folder));
    if (JSON.stringify(names) !== JSON.stringify(SEEN[last])) last--;
    expect(names).toEqual(SEEN[last]);
  }
  expect(last).toBe(0);
  rmSync(journal);
  steps(new OfflineState(folder));
  truncateSync(journal, length - 5);
  new OfflineState(folder).put(resource("c"));
  expect(namesIn(new OfflineState(folder))).toEqual(["mesh/a!", "mesh/b", "mesh/c"]);
});

test("a journal that is read once more after it has been settled changes nothing", () => {
  const state = new OfflineState(folder);
  steps(state);
  state.put(resource("c"));
  const journal = join(folder, "offline-state.journal");
  const text = readFileSync(journal, "utf8");
  state.settle(["mesh/c", "mesh/b"]);
  expect(readdirSync(folder)).toEqual(["offline-state.json"]);
  writeFileSync(journal, text);
  const again = new OfflineState(folder);
  expect(namesIn(again)).toEqual(["mesh/c", "mesh/b"]);
  again.delete("mesh/b");
  again.delete("mesh/c");
  again.settle();
  expect(readdirSync(folder)).toEqual([]);
});

test("a step writes no more of a large state than of a small one", () => {
  const state = new OfflineState(folder);
  const addresses = Array.from({ length: 2_000 }, (_, index) => `r${index}`);
  for (const name of addresses) state.put(resource(name));
  state.settle();
  const file = join(folder, "offline-state.json");
  const { ino, size } = statSync(file);
  state.put(resource("one-more"));
  expect(statSync(file)).toMatchObject({ ino, size });
  expect(statSync(join(folder, "offline-state.journal")).size).toBeLessThan(300);
});
