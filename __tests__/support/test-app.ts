import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Testing, type App, type AppConfig } from "cdktf";

const folders: string[] = [];

afterAll(() => {
  for (const folder of folders.splice(0)) {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** An app whose output goes with the test. */
export function testApp(options: Pick<AppConfig, "context"> = {}): App {
  const outdir = mkdtempSync(join(tmpdir(), "meshform-test-"));
  folders.push(outdir);
  return Testing.app({ outdir, ...options });
}
