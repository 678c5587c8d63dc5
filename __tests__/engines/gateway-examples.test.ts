import { join } from "node:path";
import { eventually } from "../support/eventually";
import { run, TestLab } from "../support/lab";
import { commandsAfterUp } from "../support/page";
import { IS_SECURE } from "../support/profile";

const MINUTE = 60_000;
const name = `doors-${process.pid}`;
const gateways = "examples/gateways/app.ts";
const transparent = "examples/transparent-proxy/app.ts";
const database = "examples/external-database/app.ts";
const labOf = (app: string) => new TestLab(name, join(__dirname, "..", "..", app));

afterAll(async () => {
  await labOf(gateways).down();
}, MINUTE);

/** Brings the lab to an app and runs what the page has one try there, on the ports that are free on this machine. */
async function tryPage(page: string, app: string, commands: number, ...options: readonly string[]): Promise<TestLab> {
  const lab = labOf(app);
  const { code, output } = await lab.up("", ...options);
  expect({ code, output }).toExit(0);
  const tries = commandsAfterUp(page, app, options.map((option) => `${option} `).join(""));
  expect(tries).toHaveLength(commands);
  for (const { command, prints } of tries) {
    const here = command.replace(/127\.0\.0\.1:(\d+)/, (_, port: string) => `127.0.0.1:${lab.portOf(Number(port))}`);
    const output = including(IS_SECURE ? ofSecureCluster(prints) : prints);
    await eventually(async () => expect(await run("bash", ["-c", here])).toMatchObject({ output }));
  }
  return lab;
}

/** As the page about services says, a transparent proxy in a cluster with ACLs does not lead to what no intention allows. */
function ofSecureCluster(prints: string): string {
  return prints.replace(/^.* answers 403: RBAC: access denied$/, "No answer: ECONNRESET");
}

const including = (text: string) => expect.stringContaining(text) as string;

// The first, since a lab keeps the folders that it shows.
test(
  "an external database through a terminating gateway, as the page tells it, and not without an intention",
  async () => {
    const lab = await tryPage("docs/gateways.md", database, 1, "--show", ".meshform/external-database");
    await lab.api("Consul", "/v1/config/service-intentions/billing-db", "DELETE");
    await eventually(async () => {
      const response = await fetch(lab.url("billing"), { signal: AbortSignal.timeout(5_000) });
      expect(response.status).toBe(502);
    });
  },
  10 * MINUTE,
);

test(
  "an ingress and an API gateway in front of three services, as the page about gateways tells it",
  async () => {
    await tryPage("docs/gateways.md", gateways, 6);
  },
  10 * MINUTE,
);

test(
  "services behind a transparent proxy, as the page about services tells it: by their names only, and nothing passes an Envoy by",
  async () => {
    const lab = await tryPage("docs/services.md", transparent, 4);
    const [api] = await lab.api<{ ID: string; NodeName: string }[]>("Nomad", "/v1/job/api/allocations");
    const { NetworkStatus } = await lab.api<{ NetworkStatus: { Address: string } }>(
      "Nomad",
      `/v1/allocation/${api.ID}`,
    );
    // A plain port, at which nothing listens on this address: where nothing is redirected, it is refused.
    const dial = `require("node:http").get("http://${NetworkStatus.Address}:9001/").on("error", ({ code }) => console.log(code))`;
    expect(await lab.onHost(api.NodeName, "node", "-e", dial)).toMatchObject({ output: including("ECONNRESET") });
  },
  10 * MINUTE,
);
