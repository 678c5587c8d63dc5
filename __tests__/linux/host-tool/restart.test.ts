import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../support/lab";

jest.setTimeout(60_000);

/**
 * What the agent has at a moment: the status of a sidecar's check, unless it refuses to tell, and how often it has written the
 * sidecar's settings.
 */
type Moment = readonly [status: "passing" | "critical" | "refused", settings: number];

/**
 * What the host tool does for a restart of an agent of which all this is known: when it is called it has gone through so many
 * moments, the first of which is before the restart.
 */
async function waits(moments: readonly Moment[]): Promise<{ readonly left: number; readonly said: string }> {
  const folder = mkdtempSync(join(tmpdir(), "meshform-restart-"));
  const script = `
import json, os, sys, types
sys.path.insert(0, ${JSON.stringify(join(__dirname, "../../../host-tool"))})
from pathlib import Path
from meshform_host import lifecycle
from meshform_host.api import ApiError
from meshform_host.lifecycle import Agents, Checks

moments, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
now, reloads = [0], []

def go_on(_=0):
    now[0] = min(now[0] + 1, len(moments) - 1)
    happen()

def happen():
    (folder / "web").touch()
    os.utime(folder / "web", ns=(0, moments[now[0]][1]))

class Agent:
    def call(self, method, path):
        status = moments[now[0]][0]
        if status == "refused":
            raise ApiError(403, "ACL not found")
        check = {"CheckID": "web", "Node": "client-1", "Status": status}
        return {"web": check} if path == "/v1/agent/checks" else [check]

happen()
lifecycle.time.sleep = go_on
pids = iter([[1], [2], [2], [2]])
lifecycle.agents_of = lambda host, engine: next(pids)
lifecycle.end_agent = lambda pid, engine: go_on()
lifecycle.os.kill = lambda pid, number: reloads.append(number)
agents = Agents.__new__(Agents)
agents._host = types.SimpleNamespace(is_server=lambda engine: False)
agents._cluster, agents._limit, agents._checks = None, 60, Checks(Agent(), folder)
agents._shows_its_own = lambda engine: None
agents._restart("consul")
print(json.dumps({"left": len(moments) - 1 - now[0], "reloads": len(reloads)}))
`;
  try {
    const { code, output } = await run("python3", ["-c", script, JSON.stringify(moments), folder]);
    expect({ code, output }).toExit(0);
    const [result, ...said] = output.trim().split("\n");
    const { left, reloads } = JSON.parse(result) as { left: number; reloads: number };
    expect(reloads).toBe(1);
    return { left, said: said.join("\n") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("a restart of Consul's agent ends", () => {
  test("when the checks pass that passed before, and not when they pass only until the agent registers their sidecars again", async () => {
    const { left, said } = await waits([
      ["passing", 1],
      ["critical", 1],
      ["passing", 1],
      ["critical", 2],
      ["critical", 2],
      ["passing", 2],
      ["passing", 2],
    ]);
    expect(left).toBe(1);
    expect(said).toMatch(
      /Waiting for the settings of sidecars: The agent does not have the settings of 1 sidecars or gateways from the servers yet\. It must reach a server\./,
    );
    expect(said).toMatch(/Waiting for the checks of this host to pass again: 1 of 1 do not: web \(critical\)\./);
  });

  test("at once where the servers tell it the settings before any check has run", async () => {
    expect(
      (
        await waits([
          ["passing", 1],
          ["critical", 2],
          ["passing", 2],
          ["passing", 2],
        ])
      ).left,
    ).toBe(1);
  });
});

test.each<[string, Moment[]]>([
  [
    "checks that passed",
    [
      ["passing", 1],
      ["refused", 2],
      ["passing", 2],
    ],
  ],
  [
    "no checks that passed",
    [
      ["critical", 1],
      ["refused", 2],
      ["critical", 2],
    ],
  ],
])("an agent with %s may not know the token yet after its restart", async (_, moments) => {
  await waits(moments);
});

test("an agent that has started is reloaded once, when all its checks have run", async () => {
  const script = `
import json, sys, tempfile, types
sys.path.insert(0, ${JSON.stringify(join(__dirname, "../../../host-tool"))})
from pathlib import Path
from meshform_host import lifecycle
from meshform_host.lifecycle import Agents, Checks

reloaded = []
with tempfile.TemporaryDirectory() as folder:
    root = Path(folder)
    for pid, outputs, sidecars in json.loads(sys.argv[1]):
        checks = {str(n): {"Status": "critical", "Output": output} for n, output in enumerate(outputs)}
        for n in range(sidecars):
            (root / str(n)).touch()
        lifecycle.agents_of = lambda host, engine: [pid]
        lifecycle.os.kill = lambda pid, number: reloaded.append(pid)
        agents = Agents.__new__(Agents)
        agents._host = types.SimpleNamespace(path=lambda path: root.parent / (root.name + "-reloaded"))
        agents._checks = Checks(types.SimpleNamespace(call=lambda method, path: checks), root)
        agents.reload_what_has_started()
    (root.parent / (root.name + "-reloaded")).unlink()
print(json.dumps(reloaded))
`;
  const moments = [
    [1, [], 0],
    [1, ["TCP connect: Success", ""], 2],
    [1, ["TCP connect: Success", "refused"], 2],
    [1, ["TCP connect: Success", "refused"], 2],
    [2, ["", ""], 2],
    [2, ["TCP connect: Success", "TCP connect: Success"], 2],
    [2, ["", ""], 2],
  ];
  const { code, output } = await run("python3", ["-c", script, JSON.stringify(moments)]);
  expect({ code, output }).toEqual({ code: 0, output: "[1, 2]\n" });
});
