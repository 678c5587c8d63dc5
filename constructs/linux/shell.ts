/** One word of a POSIX shell command line, whatever it contains. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command line of which each word is taken literally. */
export function commandLine(words: readonly string[]): string {
  return words.map(quote).join(" ");
}
