import { LabError } from "../../../lab/core/errors";
import { waitFor } from "../../../lab/core/wait";

const quick = { timeoutMs: 120, intervalMs: 10 };

describe("a wait", () => {
  test("ends with the first value that the probe gives", async () => {
    const values = [undefined, false, "leader"] as const;
    let probes = 0;

    await expect(waitFor("the leader", () => values[probes++], quick)).resolves.toBe("leader");
    expect(probes).toBe(3);
  });

  test("takes an error of the probe for not yet", async () => {
    let probes = 0;
    const probe = () => {
      if (probes++ === 0) throw new Error("connection refused");
      return true;
    };

    await expect(waitFor("the agent", probe, quick)).resolves.toBe(true);
  });

  test("that is over says for what it waited, how long, and what it last saw", async () => {
    const probe = () => Promise.reject(new Error("fetch failed", { cause: new Error("connect ECONNREFUSED") }));

    await expect(waitFor("the Consul leader", probe, quick)).rejects.toThrow(
      "Timed out after 0.12 s waiting for the Consul leader. Last seen: fetch failed: connect ECONNREFUSED Run `npm run doctor`",
    );
  });

  test("that is over shows what the caller has to show, the lines of a log for example", async () => {
    const lastSeen = () => Promise.resolve("  agent: no leader\n");

    const wait = waitFor("the leader", () => undefined, { ...quick, lastSeen, fix: "Look at the log." });

    await expect(wait).rejects.toMatchObject({
      problem: "Timed out after 0.12 s waiting for the leader. Last seen: agent: no leader",
      fix: "Look at the log.",
    });
  });

  test("is over in time even if the probe hangs, and tells the probe", async () => {
    let told = false;
    const probe = (signal: AbortSignal) =>
      new Promise<undefined>(() => {
        signal.addEventListener("abort", () => (told = true));
      });
    const started = Date.now();

    await expect(waitFor("nothing", probe, quick)).rejects.toThrow(LabError);
    expect(Date.now() - started).toBeLessThan(1_000);
    expect(told).toBe(true);
  });

  test("ends at once with an error that says what to do", async () => {
    const probe = () => {
      throw new LabError("The agent has died.", "Look at its log.");
    };

    await expect(waitFor("the agent", probe, { timeoutMs: 60_000 })).rejects.toThrow("The agent has died.");
  });

  test("can be stopped", async () => {
    const controller = new AbortController();
    const wait = waitFor("nothing", () => undefined, { timeoutMs: 60_000, signal: controller.signal });
    controller.abort(new Error("stopped"));

    await expect(wait).rejects.toThrow("stopped");
  });
});
