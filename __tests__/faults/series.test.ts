import { rmSync } from "node:fs";
import { HOST_TOOL } from "../../constructs/linux/host-tool/host-tool";
import { setTimeout as sleep } from "node:timers/promises";
import { kill } from "../../lab/machine/processes";
import type { LabStatus } from "../../lab/commands/status";
import { crashConsul, expectHealthy } from "../support/consul-agents";
import { eventually } from "../support/eventually";
import { agentOf, powerOff, votersOf } from "../support/lab-hosts";
import { cutOff } from "../support/network-faults";
import { fillDisk } from "../support/small-disk";
import {
  bothAnswer,
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
  networksAreSaved,
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

// One lab has all of these faults, one after the other. They take about ten minutes, so they are not part of `npm test`; what is quick and
// shows the same is among the suites on engines. The order saves time: what must have run for a while comes late, and the
// certificates of the new CA, which is the first, are near expiry at the end.
jest.setTimeout(8 * MINUTE);
useSteadyLab();

/** Since when the mesh has its new CA, in milliseconds. */
let rotatedAt = Date.now();

test("a new CA of the mesh takes over, and no request fails", async () => {
  const loads = await load(PATHS, async () => {
    rotatedAt = Date.now();
    // The shortest lifetime for which Consul plans renewals. A minute of it has passed already: it dates certificates back.
    await configureMeshCa({ PrivateKeyType: "ec", PrivateKeyBits: 384, LeafCertTTL: "10m", SkipValidate: true });
    await haveNewCertificates(rotatedAt, MINUTE);
  });
  figures.add("mesh CA rotated", loads);
  expectNoneFailed(loads);
});

describe("an agent that is killed", () => {
  test("Consul's agent on a client: a service on two hosts loses nothing, and new intentions reach every Envoy", async () => {
    await bothAnswer();
    const loads = await load(PATHS, async () => {
      await crashConsul(lab, "client-2");
      await expectHealthy(lab, ["client-2"]);
      await settled();
    });
    figures.add("Consul's agent on a client killed", loads, "single and tcp have their only instance there");
    const { SINGLE, TCP, ...others } = loads;
    expectNoneFailed(others);
    for (const { failed } of [SINGLE, TCP]) expect(failed).toBeLessThan(within(25));
    await denied("DOUBLE");
  });

  test("Nomad's agent on a client: allocations go on, and no request fails", async () => {
    await networksAreSaved();
    const before = await running();
    const agent = agentOf(lab, "client-2", "nomad");
    const loads = await load(PATHS, async () => {
      await kill([agent]);
      await eventually(async () => {
        expect(agentOf(lab, "client-2", "nomad").pid).not.toBe(agent.pid);
        const nodes = await lab.api<{ Status: string }[]>("Nomad", "/v1/nodes");
        expect(nodes.map(({ Status }) => Status)).toEqual(["ready", "ready"]);
      });
      await sleep(5_000);
    });
    figures.add("Nomad's agent on a client killed", loads);
    expectNoneFailed(loads);
    expect((await running()).map(({ ID }) => ID).sort()).toEqual(before.map(({ ID }) => ID).sort());
  });
});

test("clients that are cut off from each other: the instance on the caller's host answers, the other one again when they are healed", async () => {
  expect((await running("single"))[0]).toMatchObject({ NodeName: "client-2" });
  await bothAnswer();
  const loads = await load(upstreams, async () => {
    const heal = await cutOff(lab, "client-2", clients["client-1"]);
    await sleep(15_000);
    await heal();
    // Each has told the others that it suspects the other one: so long they may take to hear that it lives.
    await sleep(10_000);
    await settled(upstreams);
  });
  figures.add("clients cut off from each other for 15 s", loads, "each failed request waits for 5 s");
  expect(loads.DOUBLE.failed).toBeLessThanOrEqual(10);
});

describe("a full disk", () => {
  test("of the leaders of Consul and Nomad: others take over, no request fails, and the full ones catch up", async () => {
    const full = { consul: await leaderOf("Consul"), nomad: await leaderOf("Nomad") };
    let longest = 0;
    const loads = await load(PATHS, async () => {
      const end = writeAlways();
      const heal = [await fillDisk(lab, full.consul, "consul"), await fillDisk(lab, full.nomad, "nomad server")];
      await sleep(5_000);
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

  test("of a client's agents: its services go on", async () => {
    await bothAnswer();
    const loads = await load(PATHS, async () => {
      const heal = [await fillDisk(lab, "client-2", "nomad client"), await fillDisk(lab, "client-2", "consul")];
      await sleep(5_000);
      for (const each of heal) await each();
      await expectHealthy(lab, ["client-2"]);
      await settled();
    });
    figures.add("disk of a client full", loads);
    const { SINGLE, TCP, ...others } = loads;
    expectNoneFailed(others);
    // Its Consul agent starts twice, after which the checks of its services pass again within 10 s.
    for (const { failed } of [SINGLE, TCP]) expect(failed).toBeLessThan(within(30));
  });
});

describe("what moves", () => {
  test("a node is drained: nothing is lost of two instances; of one what it asks for until the next has started", async () => {
    const [{ NodeID }] = await running("single");
    await bothAnswer();
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

  test("a new version of one instance and of two: nothing is lost, and hosts that were drained or had a full disk take their part again", async () => {
    const loads = await load([...upstreams, "gate"], async () => {
      await lab.mustUp("v2");
      await settled();
      await sleep(3_000);
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

/** What `status` says of a host that boots, and the host of itself, until it does. */
function watchHost(host: string): () => Promise<{ readonly states: readonly string[]; readonly said: string }> {
  const over = new AbortController();
  const states = new Set<string>();
  let said = "";
  const watching = (async () => {
    while (!over.signal.aborted) {
      const { healthy, hosts } = JSON.parse((await lab.meshform(["status", "--json"])).output) as LabStatus;
      const { consul, nomad } = hosts.find(({ name }) => name === host) ?? {};
      states.add(`${consul} ${nomad} ${healthy ? "healthy" : "not healthy"}`);
      await sleep(1_000);
    }
  })();
  // On its own: it must not miss a state of seconds while the other looks at the whole lab.
  const asking = (async () => {
    while (!over.signal.aborted) {
      // Fails while there is no host.
      said += (await lab.onHost(host, HOST_TOOL, "ready").catch(() => undefined))?.output ?? "";
      await sleep(1_000);
    }
  })();
  return async () => {
    over.abort();
    await Promise.all([watching, asking]);
    return { states: [...states], said };
  };
}

test("servers are replaced one by one: no request fails, no leader is missed for longer than an election, and each new one counts only once it has its vote", async () => {
  const terms = { consul: await termOf("consul"), nomad: await termOf("nomad") };
  let beats = { written: 0, longestMs: 0 };
  const loads = await load(PATHS, async () => {
    const end = writeAlways();
    for (const server of Object.keys(servers)) {
      const left = await lab.onHost(server, HOST_TOOL, "leave", "--for-good");
      expect(left).toMatchObject({
        code: 0,
        output: expect.stringContaining(`${server} has left the cluster permanently.`) as string,
      });
      // Not as one that has failed, which the others would wait for.
      expect(await votersOf(lab)).toEqual([2, 2]);
      expect(await lab.onHost(server, HOST_TOOL, "ready")).toMatchObject({
        code: 1,
        output: expect.stringContaining("This host has left its cluster permanently.") as string,
      });
      await powerOff(lab, server);
      rmSync(files.host(server), { recursive: true });
      const seen = server === "server-2" ? watchHost(server) : undefined;
      await lab.mustUp("v2");
      expect(await votersOf(lab)).toEqual([3, 3]);
      expect(await lab.onHost(server, HOST_TOOL, "ready")).toExit(0);
      if (seen === undefined) continue;
      const { states, said } = await seen();
      const withoutVote = states.filter((state) => state.includes("no vote"));
      expect(withoutVote).not.toEqual([]);
      for (const state of withoutVote) expect(state).toMatch(/ not healthy$/);
      expect(said).toMatch(/This server of (Consul|Nomad) is not a voter yet\./);
    }
    beats = await end();
  });
  const elections = { consul: (await termOf("consul")) - terms.consul, nomad: (await termOf("nomad")) - terms.nomad };
  const more = `${elections.consul} and ${elections.nomad} elections; at most ${seconds(beats.longestMs)} without a write`;
  figures.add("three servers replaced, one by one", loads, more);
  expectNoneFailed(loads);
  // A leader can leave at each turn, and an election may have to be repeated.
  for (const count of Object.values(elections)) expect(count).toBeLessThanOrEqual(6);
});

test("a client that is cut off from all servers: nothing fails, not even when its work was given to another and it is healed", async () => {
  const loads = await load(upstreams, async () => {
    const heal = await cutOff(lab, "client-2", ...Object.values(servers));
    await eventually(async () => {
      const nodes = await lab.api<{ Status: string }[]>("Nomad", "/v1/nodes");
      expect(nodes.map(({ Status }) => Status).sort()).toEqual(["down", "ready"]);
      expect((await running()).map(({ NodeName }) => NodeName)).not.toContain("client-2");
      // Nomad stops what is cut off as soon as it is not any more, whether the other one is reached yet or not.
      for (const job of ["single", "plain"]) {
        const passing = await lab.api<{ Node: { Node: string } }[]>("Consul", `/v1/health/connect/${job}?passing`);
        expect(passing.map(({ Node }) => Node.Node)).toContain("client-1");
      }
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

test("certificates near expiry are renewed in time, and no request fails", async () => {
  // Neither these, nor the Consul agent of their host, have started again since they have certificates of the new CA.
  const own = [["page"], ["egress", "connect-terminating-egress"], ["gate", "connect-proxy-gate-envoy"]] as const;
  const late: string[] = [];
  let renewed: readonly string[] = [];
  const loads = await load(PATHS, async () => {
    await eventually(
      async () => {
        const all = await Promise.all(own.map(async ([job, task]) => ({ job, ...(await certificateOf(job, task)) })));
        const expired = all.filter(({ until }) => until < Date.now());
        expect(expired).toEqual([]);
        // Consul picks a moment for each between 60 and 90 % of their lifetime.
        renewed = all.filter(({ from }) => from > rotatedAt + 4 * MINUTE).map(({ job }) => job);
        expect(renewed).not.toEqual([]);
      },
      Math.max(rotatedAt + 9 * MINUTE - Date.now(), 0),
    );
  });
  figures.add("certificates renewed before they expired", loads, `the first of 3: that of ${renewed.join(" and ")}`);
  expect(late).toEqual([]);
  expectNoneFailed(loads);
});

test("all hosts lose power at once and return with their data", async () => {
  const value = String(Date.now());
  await lab.api("Consul", "/v1/kv/faults/kept", "PUT", value);
  const intentions = await lab.api<object[]>("Consul", "/v1/config/service-intentions");
  const at = Date.now();
  await powerOff(lab, ...Object.keys(servers), ...Object.keys(clients));
  await lab.mustUp("v2");
  await settled();
  figures.add("all hosts off and on", {}, `the mesh works ${seconds(Date.now() - at)} later`);
  expect(await lab.api("Consul", "/v1/kv/faults/kept?raw")).toBe(value);
  expect(await lab.api("Consul", "/v1/config/service-intentions")).toEqual(intentions);
});
