import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(__dirname, "..", "..");

/** The text of a page, by its path from the project's root. */
export function readPage(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** The blocks of a page in one language. */
export function blocksOf(path: string, language: string): string[] {
  return [...readPage(path).matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, code]) => code);
}

/** A command of a page, and what it says that the command prints. */
export interface PageCommand {
  readonly command: string;
  readonly prints: string;
}

/** The commands of the page's block that begins by bringing a lab to an app. @param options further ones, as on the page */
export function commandsAfterUp(path: string, app: string, options = ""): PageCommand[] {
  const block = blocksOf(path, "sh").find((it) => it.startsWith(`npm run up -- ${options}--app ${app}\n`)) ?? "";
  return [...block.matchAll(/^(.+?) +# (.+)$/gm)].map(([, command, prints]) => ({ command, prints }));
}
