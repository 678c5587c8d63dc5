import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { kill } from "../../lab/processes";
import { crashConsul } from "../support/consul-agents";
import { eventually } from "../support/eventually";
import { agentOf, powerOff } from "../support/lab-hosts";
import { cutOff } from "../support/network-faults";
import { fillDisk } from "../support/small-disk";
import {
  certificateOf,
  clients,
  configureMeshCa,
  denied,
  expectNoneFailed,
  figures,
  files,
  haveInstances,
  haveNewCertificates,
  lab,
  leaderOf,
  load,
  MINUTE,
  PATHS,
  running,
  seconds,
  servers,
  settled,
  termOf,
  upstreams,
  useSteadyLab,
  within,
  writeAlways,
} from "../support/steady-lab";

jest.setTimeout(8 * MINUTE);
useSteadyLab();

describe("an agent that is killed", () => {
  test("Nomad's agent on a client: allocations go on, and no request fails", async () => {
    // Nomad saves the addresses of an allocation's network once a minute, and replaces one of which it has lost them.
    await sleep(70_000);
    const before = await running();
    const agent = agentOf(lab, "client-2", "nomad");
    const loads = await load(PATHS, async () => {
      await kill([agent]);
      await eventually(async () => {
        expect(agentOf(lab, "client-2", "nomad").pid).not.toBe(agent.pid);
        const nodes = await lab.api<{ Status: string }[]>("Nomad", "/v1/nodes");
        expect(nodes.map(({ Status }) => Status)).toEqual(["ready", "ready"]);
      });
      await sleep(8_000);
    });
    figures.add("Nomad's agent on a client killed", loads);
    expectNoneFailed(loads);
    expect((await running()).map(({ ID }) => ID).sort()).toEqual(before.map(({ ID }) => ID).sort());
  });

  test("Consul's agent on a client: a service on two hosts loses nothing, and new intentions reach every Envoy", async () => {
    const loads = await load(PATHS, async () => {
      await crashConsul(lab, "client-2");
      // So long the checks of its services may take to pass again: Consul looks at each sidecar every 10 s.
      await sleep(10_000);
      await settled();
    });
    figures.add("Consul's agent on a client killed", loads, "single and tcp have their only instance there");
    const { SINGLE, TCP, ...others } = loads;
    expectNoneFailed(others);
    for (const { failed } of [SINGLE, TCP]) expect(failed).toBeLessThan(within(15));
    await denied("DOUBLE");
  });
});

test("clients that are cut off from each other: the instance on the caller's host answers, the other one again when they are healed", async () => {
  expect((await running("single"))[0]).toMatchObject({ NodeName: "client-2" });
  const loads = await load(upstreams, async () => {
    const heal = await cutOff(lab, "client-2", clients["client-1"]);
    await sleep(20_000);
    await heal();
    await settled(upstreams);
  });
  figures.add("clients cut off from each other for 20 s", loads, "each failed request waits for 5 s");
  expect(loads.DOUBLE.failed).toBeLessThanOrEqual(10);
});

// Consul renews at 60 to 90 percent of the lifetime, and the shortest for which it plans so is 10 min.
test(
  "certificates of services near expiry are renewed in time, and no request fails",
  async () => {
    const started = Date.now();
    await configureMeshCa({ PrivateKeyType: "ec", PrivateKeyBits: 256, LeafCertTTL: "10m", SkipValidate: true });
    await haveNewCertificates(started, MINUTE);
    const loads = await load(PATHS, async () => {
      const { until } = await certificateOf("single");
      await sleep(until - Date.now());
      await haveNewCertificates(started + 3 * MINUTE, MINUTE);
    });
    figures.add("leaf certificates renewed before they expired", loads);
    expectNoneFailed(loads);
  },
  15 * MINUTE,
);

describe("what moves", () => {
  test("a node is drained: nothing is lost of two instances; of one what it asks for until the next has started", async () => {
    const [{ NodeID }] = await running("single");
    const loads = await load([...upstreams, "gate"], async () => {
      await lab.api("Nomad", `/v1/node/${NodeID}/drain`, "PUT", { DrainSpec: { Deadline: 120e9 } });
      await eventually(async () => {
        expect((await running()).filter((it) => it.NodeID === NodeID)).toEqual([]);
      }, 2 * MINUTE);
      await settled();
    });
    await lab.api("Nomad", `/v1/node/${NodeID}/drain`, "PUT", { DrainSpec: null, MarkEligible: true });
    figures.add("node drained", loads, "single and tcp had their only instance there");
    const { SINGLE, TCP, ...others } = loads;
    expectNoneFailed(others);
    for (const { failed } of [SINGLE, TCP]) expect(failed).toBeLessThan(within(20));
    await haveInstances("double", 2);
  });

  test("a new version of one instance and of two: nothing is lost", async () => {
    const loads = await load([...upstreams, "gate"], async () => {
      await lab.mustUp("v2");
      await settled();
      await sleep(5_000);
    });
    figures.add("new version of one instance and of two", loads);
    expectNoneFailed(loads);
    expect((await running("double")).map(({ NodeName }) => NodeName).sort()).toEqual(["client-1", "client-2"]);
  });

  test("scaled from 2 to 4 to 1: nothing is lost", async () => {
    const scale = async (Count: number) => {
      await eventually(() => lab.api("Nomad", "/v1/job/double/scale", "POST", { Count, Target: { Group: "double" } }));
      await haveInstances("double", Count);
    };
    const loads = await load(["DOUBLE", "gate"], async () => {
      await scale(4);
      await scale(1);
    });
    figures.add("scaled 2 → 4 → 1", loads);
    expectNoneFailed(loads);
    await scale(2);
  });
});

describe("a full disk", () => {
  test("of the leaders of Consul and Nomad: others take over, no request fails, and the full ones catch up", async () => {
    const full = { consul: await leaderOf("Consul"), nomad: await leaderOf("Nomad") };
    let longest = 0;
    const loads = await load(PATHS, async () => {
      const end = writeAlways();
      const heal = [await fillDisk(lab, full.consul, "consul"), await fillDisk(lab, full.nomad, "nomad server")];
      await sleep(10_000);
      for (let n = 0; n < 5; n++)
        await eventually(() => lab.api("Consul", "/v1/kv/faults/large", "PUT", "x".repeat(4e5)));
      for (const each of heal) await each();
      await eventually(async () => {
        const { output } = await lab.onHost(full.consul, "consul", "kv", "get", "-stale", "faults/beat");
        expect(Number(output)).toBeGreaterThan(0);
        const { output: peers } = await lab.onHost(full.consul, "consul", "operator", "raft", "list-peers");
        expect(peers.match(/true/g)).toHaveLength(3);
      }, MINUTE);
      ({ longestMs: longest } = await end());
    });
    figures.add("disk of the leaders full", loads, `at most ${seconds(longest)} without a write`);
    expectNoneFailed(loads);
  });

  test("of a client's agents: its services go on, and it takes new ones once there is room", async () => {
    const loads = await load(PATHS, async () => {
      const heal = [await fillDisk(lab, "client-2", "nomad client"), await fillDisk(lab, "client-2", "consul")];
      await sleep(10_000);
      for (const each of heal) await each();
      await sleep(10_000);
      await settled();
    });
    figures.add("disk of a client full", loads);
    const { SINGLE, TCP, ...others } = loads;
    expectNoneFailed(others);
    // Its Consul agent starts twice, after which the checks of its services pass again within 10 s.
    for (const { failed } of [SINGLE, TCP]) expect(failed).toBeLessThan(within(30));
    expect(await lab.up("v3")).toExit(0);
  });
});

test("servers are replaced one by one: no request fails, and no server is missed for longer than an election", async () => {
  const terms = { consul: await termOf("consul"), nomad: await termOf("nomad") };
  let beats = { written: 0, longestMs: 0 };
  const loads = await load(PATHS, async () => {
    const end = writeAlways();
    for (const server of Object.keys(servers)) {
      await powerOff(lab, server);
      rmSync(files.host(server), { recursive: true });
      const { code, output } = await lab.up("v3");
      if (code !== 0) throw new Error(output);
    }
    beats = await end();
  });
  const elections = { consul: (await termOf("consul")) - terms.consul, nomad: (await termOf("nomad")) - terms.nomad };
  const more = `${elections.consul} and ${elections.nomad} elections; at most ${seconds(beats.longestMs)} without a write`;
  figures.add("three servers lost and replaced, one by one", loads, more);
  expectNoneFailed(loads);
  // A leader can be lost at each turn, and an election may have to be repeated.
  for (const count of Object.values(elections)) expect(count).toBeLessThanOrEqual(6);
});

test("a client that is cut off from all servers: nothing fails, not even when its work was given to another and it is healed", async () => {
  const loads = await load(upstreams, async () => {
    const heal = await cutOff(lab, "client-2", ...Object.values(servers));
    await eventually(async () => {
      const nodes = await lab.api<{ Status: string }[]>("Nomad", "/v1/nodes");
      expect(nodes.map(({ Status }) => Status).sort()).toEqual(["down", "ready"]);
      expect((await running()).map(({ NodeName }) => NodeName)).not.toContain("client-2");
    }, 2 * MINUTE);
    await heal();
    await eventually(async () => {
      const nodes = await lab.api<{ Status: string }[]>("Nomad", "/v1/nodes");
      expect(nodes.map(({ Status }) => Status)).toEqual(["ready", "ready"]);
    }, MINUTE);
    await sleep(5_000);
  });
  figures.add("client cut off from all servers until it counted as lost, and healed", loads);
  expectNoneFailed(loads);
});

test("all hosts lose power at once and return with their data", async () => {
  const value = String(Date.now());
  await lab.api("Consul", "/v1/kv/faults/kept", "PUT", value);
  const intentions = await lab.api<object[]>("Consul", "/v1/config/service-intentions");
  const at = Date.now();
  await powerOff(lab, ...Object.keys(servers), ...Object.keys(clients));
  const { code, output } = await lab.up("v3");
  expect({ code, output }).toExit(0);
  await settled();
  figures.add("all hosts off and on", {}, `the mesh works ${seconds(Date.now() - at)} later`);
  expect(await lab.api("Consul", "/v1/kv/faults/kept?raw")).toBe(value);
  expect(await lab.api("Consul", "/v1/config/service-intentions")).toEqual(intentions);
});
