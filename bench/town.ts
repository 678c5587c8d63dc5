/** A service of a town, and whom it calls. */
export interface TownService {
  readonly name: string;
  readonly role: "web" | "api" | "worker" | "store";
  readonly targets: readonly string[];
}

const DISTRICTS = [
  ...["catalog", "orders", "billing", "identity", "search", "shipping", "stock", "pricing"],
  ...["reviews", "media", "notify", "fraud", "loyalty", "support", "ledger"],
];

/** Services that half the town calls. */
const HUBS = ["identity-api-1", "ledger-api-1", "notify-api-1"];

/**
 * A mesh as companies have them, always the same: districts of one web front, some APIs, workers and stores each, that call
 * mostly among themselves, their neighbours' first API now and then, and a few services that everybody calls.
 */
export function townOf(size: number): readonly TownService[] {
  const random = randomNumbers();
  const perDistrict = Math.ceil(size / DISTRICTS.length);
  const names = DISTRICTS.map((district) =>
    Array.from({ length: perDistrict }, (_, index) => ({ district, index })).map(({ index }) => {
      const role = roleAt(index, perDistrict);
      return { name: role === "web" ? `${district}-web` : `${district}-${role}-${index}`, role };
    }),
  );
  const town = names.flat().slice(0, size);
  const exists = new Set(town.map(({ name }) => name));
  const targets = new Map(town.map(({ name }): [string, Set<string>] => [name, new Set()]));
  const call = (source: string, target: string) => {
    if (source !== target && exists.has(target)) targets.get(source)?.add(target);
  };
  for (const district of names) {
    const callers = district.filter(({ role }) => role !== "store");
    for (const [index, { name, role }] of district.entries()) {
      const earlier = callers.slice(0, Math.max(1, Math.min(index, callers.length)));
      if (index > 0) call(earlier[Math.floor(random() * random() * earlier.length)].name, name);
      if (index > 1 && random() < 0.35) call(earlier[Math.floor(random() * earlier.length)].name, name);
      if (role === "api" && random() < 0.25) call(name, HUBS[Math.floor(random() * HUBS.length)]);
    }
    const neighbour = names[Math.floor(random() * names.length)];
    if (district.length > 1 && neighbour !== district) call(district[1].name, neighbour[1].name);
  }
  return town.map((service) => ({ ...service, targets: [...(targets.get(service.name) ?? [])] }));
}

function roleAt(index: number, count: number): TownService["role"] {
  if (index === 0) return "web";
  if (index < count * 0.55) return "api";
  return index < count * 0.8 ? "worker" : "store";
}

/** Numbers from 0 up to 1 that are the same in each run. */
function randomNumbers(): () => number {
  let state = 42;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}
