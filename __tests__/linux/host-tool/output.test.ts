import { join } from "node:path";
import { run } from "../../support/lab";

test("what the host tool says has no text of the store in it, except for names of hosts", async () => {
  const document = {
    tokens: { agent: "0b8f7a52-secret-of-an-agent" },
    consul: { gossip: ["a-key-of-the-gossip"], restorer: { host: "i-0123456789abcdef0-3f2a9c81d0b4", until: 1 } },
    exclusion: { node: "i-0abcdef0123456789-3f2a9c81d0b4", left: ["gossip"] },
  };
  const script = `
import json, sys
sys.path.insert(0, ${JSON.stringify(join(__dirname, "../../../host-tool"))})
from meshform_host.basics import OUTPUT, say
OUTPUT.hide(json.loads(sys.argv[1]))
say(sys.argv[1])
`;
  const { code, output } = await run("python3", ["-c", script, JSON.stringify(document)]);
  expect({ code, output }).toExit(0);
  expect(JSON.parse(output)).toEqual({
    ...document,
    tokens: { agent: "[hidden]" },
    consul: { ...document.consul, gossip: ["[hidden]"] },
  });
});
