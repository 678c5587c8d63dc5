import { type RunToolOptions, runTool } from "../../../lab/machine/run-tool";

const options: RunToolOptions = { what: "The build of it", fix: "Fix it.", timeoutMs: 10_000 };

describe("a tool that is run", () => {
  test("is heard line by line, on both of its outputs", async () => {
    const lines: string[] = [];
    const script = "echo one; sleep 0.1; echo two >&2; sleep 0.1; printf three";

    await runTool(["sh", "-c", script], { ...options, onLine: (line) => lines.push(line) });

    expect(lines).toEqual(["one", "two", "three"]);
  });

  test("that fails shows its last lines and what to do", async () => {
    const script = "for i in $(seq 40); do echo line $i; done; exit 2";

    const error: unknown = await runTool(["sh", "-c", script], options).catch((error: unknown) => error);

    expect(error).toMatchObject({ name: "LabError", fix: "Fix it." });
    expect(String(error)).toMatch(
      /The build of it failed: .* exited with code 2\. Last output:\n {2}line 26\n.* {2}line 40 /s,
    );
    expect(String(error)).not.toContain("line 25");
  });

  test("that does not exist is named", async () => {
    await expect(runTool(["meshform-no-such-tool"], options)).rejects.toThrow(
      "The build of it failed: `meshform-no-such-tool` could not start (ENOENT). It printed nothing.",
    );
  });

  test("that takes too long is ended with all that it started, by force where they do not listen", async () => {
    const started = Date.now();
    const script = "(trap '' INT; sleep 60) & echo begun; sleep 60";

    await expect(runTool(["sh", "-c", script], { ...options, timeoutMs: 300 })).rejects.toThrow(
      "took longer than 0.3 s and was stopped. Last output:\n  begun",
    );
    // Its output closes only when the last of its processes has gone.
    expect(Date.now() - started).toBeLessThan(8_000);
  }, 10_000);

  test("ends early with the reason of the one who stops it", async () => {
    const controller = new AbortController();
    const run = runTool(["sleep", "60"], { ...options, signal: controller.signal });
    controller.abort(new Error("stopped"));

    await expect(run).rejects.toThrow("stopped");
  });
});
