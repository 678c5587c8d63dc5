import { join } from "node:path";

export const ROOT = join(__dirname, "../..");

/** The project as it is after its move to cdktn, kept between runs. */
export const MOVED = join(ROOT, ".meshform/cdktn");

/** What pins its dependencies: the project's own but for one line. */
export const PINS = ["package.json", "package-lock.json"].map((name) => join(__dirname, name));
