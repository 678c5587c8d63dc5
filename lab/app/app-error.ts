import { relative } from "node:path";
import { userFrameOf } from "../../constructs/core/stack-frame";

/** Of an ES module, a package or file that does not exist, and the file that imports it. */
const MISSING =
  /^Error \[ERR_MODULE_NOT_FOUND\]: Cannot find ((?:module|package) '.*') imported from (?:file:\/\/)?(\/.*)$/;

/** Of a JSON file that another one imports. */
const UNREADABLE = /^SyntaxError: (\/.*\.json): (.*)$/;

/**
 * What an app printed until it ended with an error, with the place in the user's own files first, and without what Node and the
 * loader say of themselves.
 *
 * @param folder of the app; places in it are relative to it
 */
export function appErrorOf(output: string, folder: string): string {
  const lines = output.split("\n").filter((line) => line.trim() !== "" && !/^Node\.js v\d/.test(line));
  const places: string[] = [];
  const kept: string[] = [];
  let errorAt = 0;
  const placeOf = (file: string, rest: string) => `${relative(folder, file)}${rest}`;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at];
    const compilation = /^(\/.*?)(:\d+:\d+): ERROR: (.*)$/.exec(line);
    if (compilation) {
      kept.push(`${placeOf(compilation[1], compilation[2])}: ${compilation[3]}`);
    } else if (
      /^(?:(?:file:\/\/)?(?:\/|node:).*|<anonymous_script>):\d+$/.test(line) &&
      /^\s*\^+\s*$/.test(lines[at + 2] ?? "")
    ) {
      // The line that threw, with a mark below: the frames name the user's.
      at += 2;
      errorAt = kept.length;
    } else if (UNREADABLE.test(line)) {
      const [, file, what] = UNREADABLE.exec(line) ?? [];
      errorAt = kept.length;
      places.unshift(placeOf(file, ""));
      kept.push(what);
    } else if (line === "Require stack:") {
      places.push(placeOf(lines[at + 1]?.slice("- ".length) ?? "", ""));
      while (lines[at + 1]?.startsWith("- ")) at++;
    } else if (/^\s+at /.test(line)) {
      const frame = userFrameOf(line);
      if (frame) places.push(placeOf(frame.file, frame.position));
      // The error's own properties follow its last frame.
      if (line.endsWith(" {")) while (at < lines.length && !lines[at].startsWith("}")) at++;
    } else if (MISSING.test(line)) {
      // As Node says it of a file that another one imports.
      const [, what, from] = MISSING.exec(line) ?? [];
      places.push(placeOf(from, ""));
      kept.push(`Cannot find ${what.startsWith("module '/") ? `module '${placeOf(what.slice(8, -1), "")}'` : what}`);
    } else if (
      !/^Error(?: \[TransformError\])?: Transform failed with \d+ errors?:$/.test(line) &&
      !/^\(Use `node --trace-/.test(line)
    ) {
      kept.push(line.replace(/^Error: /, ""));
    }
  }
  const isPlaced = kept.some((line) => /^\S+:\d+:\d+: /.test(line));
  if (places.length > 0 && !isPlaced) kept[errorAt] = `${places[0]}: ${kept[errorAt]}`;
  return kept.join("\n");
}
