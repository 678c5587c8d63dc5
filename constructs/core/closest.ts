import { closest, distance } from "fastest-levenshtein";

/** {@link closestTo} for many names, each of which is looked for once however often it is misspelled. */
export function closestAmong(known: readonly string[]): (name: string) => string {
  const answers = new Map<string, string>();
  return (name) => {
    const answer = answers.get(name) ?? closestTo(name, known);
    answers.set(name, answer);
    return answer;
  };
}

/** "Did you mean …?" for a name that is near one of the known ones, else the known ones. */
export function closestTo(name: string, known: readonly string[]): string {
  if (known.length === 0) return "None exists yet.";
  const few = `${known.slice(0, 20).join(", ")}${known.length > 20 ? ", …" : ""}`;
  return suggestionFor(name, known) ?? `Known names: ${few}.`;
}

/** "Did you mean …?" for a name that is near one of the known ones. */
export function suggestionFor(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const candidate = closest(name, known);
  return distance(name, candidate) <= Math.max(2, name.length / 3) ? `Did you mean "${candidate}"?` : undefined;
}
