/** Whether this runs from the sources, in a clone of the repository; else it is a package in somebody's project. */
export const IS_CLONE = __filename.endsWith(".ts");

/**
 * How the reader of a message calls a command: as a script of the clone, or as the program of the package.
 *
 * @param words options and arguments
 *
 * @example
 * invocation("down", "--name", "demo"); // npm run down -- --name demo, or npx meshform down --name demo
 */
export function invocation(command: string, ...words: readonly string[]): string {
  if (!IS_CLONE) return ["npx meshform", command, ...words].join(" ");
  // npm would run a script of this name whenever it installs packages.
  if (command === "install") return ["node cli/meshform.mjs", command, ...words].join(" ");
  // npm passes on only what stands after two dashes.
  return ["npm run", command, ...(words.length > 0 ? ["--"] : []), ...words].join(" ");
}
