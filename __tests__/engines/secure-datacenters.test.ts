import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { FLOWS, GATEWAY_FLOWS } from "../../constructs/aws/flows/table";
import { eventually } from "../support/eventually";
import { run, TestLab } from "../support/lab";
import { commandsAfterUp } from "../support/page";

const MINUTE = 60_000;
const name = `secure-two-${process.pid}`;
const app = "examples/failover/main.ts";
const lab = new TestLab(name, join(__dirname, "..", "..", app));

interface Connection {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  /** Whether the security groups of a cluster on AWS let it pass, with machines for gateways. */
  readonly isKnown: boolean;
}

/** Which kinds of hosts the servers have connections with, in and out. */
async function connectionsOfServers(): Promise<readonly Connection[]> {
  const { output } = await lab.meshform(["status", "--json"]);
  const { hosts } = JSON.parse(output) as { hosts: { name: string; address: string; datacenter: string }[] };
  const found: Connection[] = [];
  for (const { name: host, address } of hosts.filter(({ name }) => name.includes("server"))) {
    const command = ["ss", "--tcp", "--numeric", "--no-header", "state", "established"];
    const lines = (await lab.meshform(["exec", host, "--", ...command])).output.trim().split("\n");
    for (const [here, there] of lines.map((line) => line.split(/\s+/).slice(2, 4).map(endOf))) {
      if (there.address === address || there.address === "127.0.0.1") continue;
      const isInbound = here.port < there.port;
      const [from, to] = (isInbound ? [there, here] : [here, there]).map((end) => {
        const at = hosts.find((it) => it.address === end.address);
        return { datacenter: at?.datacenter, kind: at?.name.includes("server") ? "servers" : "clients" };
      });
      const port = Math.min(here.port, there.port);
      // In the lab, gateways run on any client.
      const kindsOf = (kind: string) => (kind === "clients" ? ["clients", "gateways"] : [kind]);
      const isKnown =
        from.datacenter === to.datacenter &&
        [...FLOWS, ...GATEWAY_FLOWS].some(
          (flow) =>
            flow.ports[0] <= port &&
            port <= flow.ports[1] &&
            flow.from.some((it) => kindsOf(from.kind).includes(it)) &&
            flow.to.some((it) => kindsOf(to.kind).includes(it)),
        );
      found.push({ from: `${from.datacenter} ${from.kind}`, to: `${to.datacenter} ${to.kind}`, port, isKnown });
    }
  }
  return found;
}

/** An end as ss prints it: `10.0.0.1:80` or `[::ffff:10.0.0.1]:80`. */
function endOf(text: string): { readonly address: string; readonly port: number } {
  const [, address = "", port = ""] = /^\[?(?:::ffff:)?([^\]]+?)\]?:(\d+)$/.exec(text) ?? [];
  return { address, port: Number(port) };
}

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
    const used = await connectionsOfServers();
    // Peering: out through the local gateway. If that cannot lead there yet, Consul next tries the gateway of the peer, which the
    // networks of the lab let pass, and on AWS the local one again.
    const direct = { from: "dc1 servers", to: "dc2 clients", port: 8443 };
    const isDirect = ({ from, to, port }: Connection) => isDeepStrictEqual({ from, to, port }, direct);
    expect(used.filter((it) => !it.isKnown && !isDirect(it))).toEqual([]);
    expect(used.filter(({ from, port }) => from === "dc1 servers" && port === 8443)).not.toEqual([]);
    // And in from it.
    expect(used).toContainEqual(expect.objectContaining({ from: "dc2 clients", to: "dc2 servers", port: 8503 }));
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
