import { join } from "node:path";
import { eventually } from "../support/eventually";
import { run, TestLab } from "../support/lab";
import { commandsAfterUp } from "../support/page";

const MINUTE = 60_000;
const name = `secure-two-${process.pid}`;
const app = "examples/failover/main.ts";
const lab = new TestLab(name, join(__dirname, "..", "..", app));

afterAll(async () => {
  await lab.down();
}, MINUTE);

test(
  "two secure datacenters, as the page tells it: one stands in for the other, and no secret is shared",
  async () => {
    const { code, output } = await lab.up("", "--secure", "--datacenters", "2");
    expect({ code, output }).toExit(0);
    const page = new URL(lab.url("greeting-page (dc1)"));
    const tries = commandsAfterUp("docs/datacenters.md", app, "--datacenters 2 ");
    expect(tries).toHaveLength(3);
    for (const { command, prints } of tries) {
      const here = command.replace("127.0.0.1:9300", page.host).replace(" exec ", ` exec --name ${name} `);
      await eventually(async () => {
        expect(await run("bash", ["-c", here])).toMatchObject({ output: expect.stringContaining(prints) as string });
      }, MINUTE);
    }
    const status = await lab.meshform(["status", "--json"]);
    expect(JSON.parse(status.output)).toMatchObject({ peerings: [{ state: "ACTIVE" }] });
    // Each has a certificate authority, gossip keys and tokens of its own.
    expect(lab.tokenFor("Consul", "dc2")).toBeDefined();
    expect(lab.tokenFor("Consul", "dc2")).not.toBe(lab.tokenFor("Consul", "dc1"));
    expect(await lab.up("", "--datacenters", "2")).toExit(0);
    expect(await lab.up("", "--datacenters", "1")).toMatchObject({
      code: 1,
      output: expect.stringContaining("has 2 datacenters; the workloads of the last ones would be lost.") as string,
    });
  },
  10 * MINUTE,
);
