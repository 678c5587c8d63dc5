import { closest, distance } from "fastest-levenshtein";

/** How many letters may be wrong, missing or too many. */
const mostSlips = 2;

/**
 * The names that are nearly a known one: other case, other separators, or a slip or two. Others are somebody else's.
 *
 * @returns each with the name that was meant
 */
export function misspelled(given: readonly string[], known: readonly string[]): [string, string][] {
  return given
    .filter((name) => !known.includes(name))
    .flatMap((name): [string, string][] => {
      const meant = closest(bare(name), known.map(bare));
      const original = known.find((it) => bare(it) === meant);
      return original !== undefined && distance(bare(name), meant) <= mostSlips ? [[name, original]] : [];
    });
}

function bare(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}
