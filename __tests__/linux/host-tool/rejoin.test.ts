import { join } from "node:path";
import { run } from "../../support/lab";

jest.setTimeout(60_000);

/** What the agent of a client knows and finds, at a second. */
interface Moment {
  readonly second: number;
  /** Whether a Consul server answers; then the host does not look for others. @default false */
  readonly answers?: boolean;
  /** The servers that its gossip calls alive. */
  readonly alive?: readonly string[];
  /** What a lookup would find. */
  readonly found?: readonly string[];
}

interface Result {
  /** At which seconds the host has looked for servers. */
  readonly looked: readonly number[];
  readonly joined: readonly string[];
  readonly said: readonly string[];
}

/** What a host does that is called at these moments. Only a join of `10.0.0.7` leads to a server. */
async function result(moments: readonly Moment[], role = "consul-client"): Promise<Result> {
  const script = `
import json, sys, types
sys.path.insert(0, ${JSON.stringify(join(__dirname, "../../../host-tool"))})
from meshform_host import rejoin
from meshform_host.basics import NotYet

moments, role = json.loads(sys.argv[1]), sys.argv[2]
now, looked, joined, said = {}, [], [], []

class Agent:
    def call(self, method, path, body=None):
        if path == "/v1/agent/members":
            alive = now.get("alive", []) + [it for it in joined if it == "10.0.0.7"]
            lost = [{"Status": 4, "Tags": {"role": "consul"}}, {"Status": 1, "Tags": {"role": "node"}}]
            return lost + [{"Status": 1, "Tags": {"role": "consul"}} for _ in alive]
        joined.append(path.removeprefix("/v1/agent/join/"))
        if joined[-1] != "10.0.0.7":
            raise NotYet("It failed to join.", "Look at its log.")

def look_up(host):
    looked.append(now["second"])
    return now.get("found", [])

rejoin.recovery_token = lambda host: "own"
rejoin.own_api = lambda engine, host, token, authority: Agent()
rejoin.look_up, rejoin.say = look_up, said.append
rejoin.time = types.SimpleNamespace(monotonic=lambda: now["second"])
tried = rejoin.Rejoin(types.SimpleNamespace(is_server=lambda engine: role == "consul-server"))
for now in moments:
    if now.get("answers"):
        tried.forget()
    else:
        tried.attempt("")
print(json.dumps({"looked": looked, "joined": joined, "said": said}))
`;
  const { code, output } = await run("python3", ["-c", script, JSON.stringify(moments), role]);
  expect({ code, output }).toExit(0);
  return JSON.parse(output) as Result;
}

/** Every five seconds, from one second to another. */
const every5 = (from: number, to: number, rest: Omit<Moment, "second"> = {}): Moment[] =>
  Array.from({ length: (to - from) / 5 + 1 }, (_, index) => ({ second: from + 5 * index, ...rest }));

describe("a client whose servers are gone", () => {
  test("looks for others after half a minute, four times a minute, until its agent has joined one", async () => {
    const { looked, joined, said } = await result([...every5(0, 60), ...every5(65, 90, { found: ["10.0.0.7"] })]);
    expect(looked).toEqual([30, 45, 60, 75]);
    expect(joined).toEqual(["10.0.0.7"]);
    expect(said).toEqual([
      "All servers that Consul knew here are gone. There are no others yet. Addresses found: none.",
      "All servers that Consul knew here are gone. Its agent has joined 10.0.0.7.",
    ]);
  });

  test("tries each address that it has found", async () => {
    const { joined, said } = await result(every5(0, 30, { found: ["10.0.0.8", "10.0.0.7", "10.0.0.9"] }));
    expect(joined.at(-1)).toBe("10.0.0.7");
    expect(said).toHaveLength(1);
    const none = await result(every5(0, 30, { found: ["10.0.0.8", "10.0.0.9"] }));
    expect([...none.joined].sort()).toEqual(["10.0.0.8", "10.0.0.9"]);
    expect(none.said).toEqual([
      "All servers that Consul knew here are gone. There are no others yet. Addresses found: 10.0.0.8, 10.0.0.9.",
    ]);
  });

  test("does nothing about servers that come back soon, or live without a leader", async () => {
    const back = [...every5(0, 25), { second: 26, alive: ["10.0.0.1"] }, ...every5(30, 50)];
    expect(await result(back)).toEqual({ looked: [], joined: [], said: [] });
    const wellAgain = [...every5(0, 25), { second: 26, answers: true }, ...every5(100, 125)];
    expect(await result(wellAgain)).toEqual({ looked: [], joined: [], said: [] });
    expect(await result(every5(0, 300, { alive: ["10.0.0.1"] }))).toEqual({ looked: [], joined: [], said: [] });
  });
});

test("a server does not look for others: its recovery does", async () => {
  expect(await result(every5(0, 120), "consul-server")).toEqual({ looked: [], joined: [], said: [] });
});

describe("addresses are what Consul's agent says that it joins", () => {
  async function addresses(...lines: readonly (object | string)[]): Promise<string> {
    const script = `
import json, sys
sys.path.insert(0, ${JSON.stringify(join(__dirname, "../../../host-tool"))})
from meshform_host.basics import Problem
from meshform_host.rejoin import addresses_in
try:
    print(json.dumps(addresses_in(json.loads(sys.argv[1]))))
except Problem as problem:
    print(problem)
`;
    const log = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
    return (await run("python3", ["-c", script, JSON.stringify(log)])).output.trim();
  }
  const running = { "@message": "Consul agent running!" };
  const failed = { "@message": "Join cluster failed, will retry", error: "No servers to join" };
  const refused = { "@message": "Cannot discover address", error: "discover-aws: DescribeInstances failed: 403" };

  test("among the other lines of its log", async () => {
    const joining = { "@message": "(LAN) joining", lan_addresses: ["10.0.0.7", "10.0.0.8:8301"] };
    expect(await addresses("SDK WARN", running, refused, joining, failed)).toBe('["10.0.0.7", "10.0.0.8:8301"]');
    expect(await addresses(running, failed, joining)).toBe("[]");
  });

  test("and a cloud that refuses to tell them is a problem", async () => {
    expect(await addresses(running, refused, failed)).toBe(
      "Consul cannot look up discover-aws: DescribeInstances failed: 403. This host must be allowed to ask its cloud.",
    );
  });
});
