import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { plainName } from "../../../lab/hosts/docker/daemon";
import { readImageSources } from "../../../lab/hosts/docker/image-sources";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshform-images-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

test("images come from a folder with a Dockerfile, an archive, a program or a script, by their paths", () => {
  mkdirSync(join(folder, "api"));
  for (const file of ["api/Dockerfile", "saved.tar", "server.mjs"]) writeFileSync(join(folder, file), "");
  const sources = readImageSources(
    { "shop/api:1": "api", "docker.io/shop/saved:1": "saved.tar", "server:1": "server.mjs", "sh:1": process.execPath },
    folder,
  );
  expect([...sources].map(([name, { kind }]) => [name, kind])).toEqual([
    ["shop/api:1", "folder"],
    ["shop/saved:1", "archive"],
    ["server:1", "contents"],
    ["sh:1", "contents"],
  ]);
});

test("what cannot become an image is named with its reason, all at once", () => {
  mkdirSync(join(folder, "api"));
  writeFileSync(join(folder, "notes.txt"), "");
  expect(() => readImageSources({ "a:1": "api", "b:1": "gone", "c:1": "notes.txt" }, folder)).toThrow(
    [
      `"images" in the context of ${join(folder, "cdktf.json")} contains unusable image sources:`,
      '  - "a:1": "api" is a folder without a Dockerfile.',
      '  - "b:1": "gone" does not exist.',
      '  - "c:1": "notes.txt" is not a supported file. Name a folder with a Dockerfile, an archive of `docker save`, ' +
        "a program, or a Node.js script of one file (.mjs, .cjs, .js).",
    ].join("\n"),
  );
  expect(() => readImageSources(["a:1"], folder)).toThrow(
    `"images" in the context of ${join(folder, "cdktf.json")} is ["a:1"]. Set it to an object: `,
  );
});

test.each([
  ["api", "api:latest"],
  ["docker.io/library/api", "api:latest"],
  ["index.docker.io/shop/api:1", "shop/api:1"],
  ["localhost:5000/api", "localhost:5000/api:latest"],
  ["api@sha256:01", "api@sha256:01"],
])("Docker knows %s as %s", (name, plain) => {
  expect(plainName(name)).toBe(plain);
});
