import { closest, distance } from "fastest-levenshtein";

/** {@link closestTo} for many names, with a cache of the answers. */
export function closestAmong(known: readonly string[]): (name: string) => string {
  const answers = new Map<string, string>();
  return (name) => {
    const answer = answers.get(name) ?? closestTo(name, known);
    answers.set(name, answer);
    return answer;
  };
}

/** "Did you mean …?" if a known name is similar, otherwise the list of known names. */
export function closestTo(name: string, known: readonly string[]): string {
  if (known.length === 0) return "None exists yet.";
  const few = `${known.slice(0, 20).join(", ")}${known.length > 20 ? ", …" : ""}`;
  return suggestionFor(name, known) ?? `Known names: ${few}.`;
}

/** "Did you mean …?" if a known name is similar, otherwise `undefined`. */
export function suggestionFor(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const candidate = closest(name, known);
  return distance(name, candidate) <= Math.max(2, name.length / 3) ? `Did you mean "${candidate}"?` : undefined;
}
