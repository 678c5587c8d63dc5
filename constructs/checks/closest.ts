import { closest, distance } from "fastest-levenshtein";

/** "Did you mean …?" for a name that is near one of the known ones, else the known ones. */
export function closestTo(name: string, known: readonly string[]): string {
  if (known.length === 0) {
    return "There is none yet.";
  }
  const candidate = closest(name, known);
  return distance(name, candidate) <= Math.max(2, name.length / 3)
    ? `Did you mean "${candidate}"?`
    : `Known are: ${known.slice(0, 20).join(", ")}${known.length > 20 ? ", …" : ""}.`;
}
