import { HOST_TOOL } from "../../constructs/linux/host-tool/host-tool";
import { eventually } from "../support/eventually";
import {
  clients,
  denied,
  expectNoneFailed,
  figures,
  lab,
  load,
  MINUTE,
  PATHS,
  running,
  seconds,
  servers,
  settled,
  useSteadyLab,
} from "../support/steady-lab";

jest.setTimeout(15 * MINUTE);
useSteadyLab();

const hosts = [...Object.keys(servers), ...Object.keys(clients)];

/** Rotates something, on one server after another: each is interrupted after a minute, and the next goes on. */
async function rotate(...what: string[]): Promise<void> {
  for (let n = 0; n < 10; n++) {
    const server = Object.keys(servers)[n % 3];
    const { code, output } = await lab.onHost(server, "timeout", "60", HOST_TOOL, "rotate", ...what);
    if (code === 0) return;
    if (code !== 124) throw new Error(`${server} cannot rotate ${what.join(" ")}: ${output}`);
  }
  throw new Error(`The rotation of ${what.join(" ")} has no end.`);
}

/** Waits until all hosts have taken what the store has. */
async function allFollow(): Promise<void> {
  type Entry = { readonly Key: string; readonly Value: string };
  await eventually(async () => {
    const [{ Value }] = await lab.api<Entry[]>("Consul", "/v1/kv/meshform/rotation");
    const taken = await lab.api<Entry[]>("Consul", "/v1/kv/meshform/hosts?recurse");
    expect(Object.fromEntries(taken.map((it) => [it.Key, it.Value]))).toEqual(
      Object.fromEntries(hosts.map((host) => [`meshform/hosts/${host}`, Value])),
    );
  }, 5 * MINUTE);
}

/** That Consul finds each check of the mesh's gateways passing. */
async function expectHealthyGateways(): Promise<void> {
  for (const name of ["gate", "egress"]) {
    const instances = await lab.api<{ Checks: { Status: string }[] }[]>("Consul", `/v1/health/service/${name}`);
    expect(instances.length).toBeGreaterThan(0);
    for (const { Checks } of instances)
      expect([name, Checks.map(({ Status }) => Status)]).toEqual([name, Checks.map(() => "passing")]);
  }
}

test.each<[what: string, act: () => Promise<unknown>]>([
  ["gossip keys", () => rotate("gossip")],
  ["Nomad's keyring", () => rotate("keyring")],
  [
    "certificates of all agents",
    async () => {
      await rotate("certificates");
      await Promise.all(
        Object.keys(servers).map(async (host) => {
          expect(await lab.onHost(host, HOST_TOOL, "secrets", "--renew")).toMatchObject({ code: 0 });
        }),
      );
      await allFollow();
    },
  ],
  ["management tokens", () => rotate("management-tokens")],
  ["tokens", () => rotate("tokens")],
  ["CAs of the agents", () => rotate("ca")],
])(
  "%s are rotated: no request fails, gateways stay healthy, and new intentions still reach every Envoy",
  async (what, act) => {
    await settled();
    const allocations = (await running()).map(({ ID }) => ID).sort();
    let ms = 0;
    const loads = await load(PATHS, async () => {
      const start = Date.now();
      await act();
      ms = Date.now() - start;
    });
    figures.add(`${what} rotated`, loads, `took ${seconds(ms)} with ${hosts.length} hosts`);
    expect((await running()).map(({ ID }) => ID).sort()).toEqual(allocations);
    expectNoneFailed(loads);
    await expectHealthyGateways();
    for (const host of hosts)
      expect(await lab.onHost(host, HOST_TOOL, "ready", "--wait", "60")).toMatchObject({ code: 0 });
    await denied("DOUBLE");
  },
);
