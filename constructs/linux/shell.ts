/** Quotes a text as one word of a POSIX shell command line. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Returns a command line in which each word is taken literally. */
export function commandLine(words: readonly string[]): string {
  return words.map(quote).join(" ");
}
