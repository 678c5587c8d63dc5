import { join } from "node:path";
import { eventually } from "../support/eventually";
import { TestLab } from "../support/lab";

const MINUTE = 60_000;
const name = `doors-${process.pid}`;
const example = (folder: string) => new TestLab(name, join(__dirname, "..", "..", "examples", folder, "app.ts"));
const gateways = example("gateways");
const database = example("external-database");

afterAll(async () => {
  await gateways.down();
}, MINUTE);

/** What stands behind the published port that `up` named first, or at another one. */
async function ask(url: string, path: string, options: RequestInit = {}): Promise<{ status: number; body: string }> {
  const response = await fetch(`${url}${path}`, { ...options, signal: AbortSignal.timeout(5_000) });
  return { status: response.status, body: await response.text() };
}

test(
  "an ingress and an API gateway in front of three services, as the page about gateways tells it",
  async () => {
    const { code, output } = await gateways.up("");
    expect({ code, output }).toMatchObject({ code: 0 });
    // The first port of a gateway is its http listener.
    const [gateway] = [...output.matchAll(/^ {2}gateway +(http:\S+)/gm)].map(([, url]) => url);
    await eventually(async () => {
      expect(await ask(gateway, "/orders/1")).toMatchObject({ status: 200 });
      expect((await ask(gateway, "/orders/1")).body).toContain('"service":"orders","method":"GET","url":"/1"');
      expect((await ask(gateway, "/stock/1")).body).toContain('"service":"stock","method":"GET","url":"/stock/1"');
    });
    expect(await ask(gateway, "/stock/1", { method: "POST" })).toMatchObject({ status: 404 });
    expect(await ask(gateway, "/clock")).toMatchObject({ status: 404 });
  },
  10 * MINUTE,
);

test(
  "an external database through a terminating gateway",
  async () => {
    const { code, output } = await database.up("");
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toContain("billing → billing-db");
    await eventually(async () =>
      expect(await ask(database.url("billing"), "/")).toEqual({
        status: 200,
        body: '{"asked":"invoices","by":"egress.example"}\n',
      }),
    );
    await database.api("Consul", "/v1/config/service-intentions/billing-db", "DELETE");
    await eventually(async () => expect(await ask(database.url("billing"), "/")).toMatchObject({ status: 502 }));
  },
  10 * MINUTE,
);
