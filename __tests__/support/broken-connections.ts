import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { explainInLab, type LiveExplanation } from "../../cli/explain-live";
import { kill } from "../../lab/machine/processes";
import { eventually } from "./eventually";
import { CLI, run, type TestLab } from "./lab";
import { agentOf } from "./lab-hosts";
import { processOfTask } from "./task-process";

const MINUTE = 60_000;

type Connection = readonly [source: string, destination: string, method?: string, path?: string];

interface Fault {
  readonly of: Connection;
  /** Breaks it. @default it is broken already */
  readonly break?: () => unknown;
  readonly heal?: () => unknown;
  /** What the last sentence says. */
  readonly cause: RegExp;
}

/**
 * Breaks connections of `apps/watched.ts` one after another, each as it happens in practice, and expects that `explain --live` names
 * the cause of each. Faults that would take hours are tests of recorded facts, `connection/diagnose.test.ts`.
 */
export function describeBrokenConnections(lab: TestLab): void {
  const explainLive = ([source, destination, method, path]: Connection): Promise<LiveExplanation> =>
    explainInLab(
      lab.name,
      { source, destination, ...(method !== undefined && { request: { method, path } }) },
      undefined,
    );
  const write = (entry: object) => lab.api("Consul", "/v1/config", "PUT", entry);
  const remove = (kind: string, name: string) => lab.api("Consul", `/v1/config/${kind}/${name}`, "DELETE");
  const read = (kind: string, name: string) => lab.api<object>("Consul", `/v1/config/${kind}/${name}`);

  async function finds(pattern: RegExp, of: Connection): Promise<void> {
    await eventually(async () => expect((await explainLive(of)).sentence).toMatch(pattern), MINUTE);
  }

  function testFault(name: string, { of, break: breakIt, heal, cause }: Fault): void {
    test(
      name,
      async () => {
        try {
          await breakIt?.();
          await finds(cause, of);
        } finally {
          await heal?.();
        }
        if (heal) await finds(/^No cause was found: /, of);
      },
      3 * MINUTE,
    );
  }

  interface Allocation {
    readonly ID: string;
    readonly NodeName: string;
    readonly ClientStatus: string;
  }

  async function allocationOf(job: string): Promise<Allocation> {
    const all = await lab.api<Allocation[]>("Nomad", `/v1/job/${job}/allocations`);
    const found = all.find(({ ClientStatus }) => ClientStatus === "running");
    if (!found) throw new Error(`No allocation of ${job} runs.`);
    return found;
  }

  /** Stops a process of a task, and lets it go on. */
  function paused(job: string, task: string) {
    let pid = 0;
    return {
      break: async () => {
        ({ pid } = processOfTask((await allocationOf(job)).ID, task));
        process.kill(pid, "SIGSTOP");
      },
      heal: () => pid > 0 && process.kill(pid, "SIGCONT"),
    };
  }

  /** Sends a signal to the program of a job: the store's listens elsewhere, the ticker's asks the API. */
  async function tell(job: string, signal: NodeJS.Signals): Promise<void> {
    process.kill(processOfTask((await allocationOf(job)).ID, job).pid, signal);
  }

  /** Envoy's own sign of it, in the ticker's sidecar. */
  async function expectEjection(): Promise<void> {
    const { ID } = await allocationOf("ticker");
    const path = "http://127.0.0.2:19001/stats?filter=outlier_detection.ejections_active";
    const script = `fetch("${path}").then((it) => it.text()).then(console.log)`;
    expect((await lab.inTask(ID, "ticker", ["node", "-e", script])).output).toMatch(/stable\..*ejections_active: 1$/m);
  }

  /** The same with Consul's agent on the host of a job. */
  function withoutAgent(job: string) {
    let pid = 0;
    return {
      break: async () => {
        ({ pid } = agentOf(lab, (await allocationOf(job)).NodeName, "consul"));
        process.kill(pid, "SIGSTOP");
      },
      heal: () => pid > 0 && process.kill(pid, "SIGCONT"),
    };
  }

  /** Writes an entry, and removes it. */
  function withEntry(entry: { readonly Kind: string; readonly Name: string }) {
    return { break: () => write(entry), heal: () => remove(entry.Kind, entry.Name) };
  }

  /** Changes an entry of the app, and writes it back. */
  function withoutEntry(kind: string, name: string) {
    let before: object | undefined;
    return {
      break: async () => {
        before = await read(kind, name);
        await remove(kind, name);
      },
      heal: () => before && write(before),
    };
  }

  const resolver = (fields: object) => withEntry({ Kind: "service-resolver", Name: "store", ...fields });

  describe("explain --live names the cause", () => {
    test(
      "none where all is well, be the Envoys asked through Nomad's API as in any cluster",
      async () => {
        const folder = mkdtempSync(join(tmpdir(), "meshform-explain-"));
        try {
          await finds(/^No cause was found: GET \/ from count-dashboard to count-api should succeed/, [
            "count-dashboard",
            "count-api",
            "GET",
            "/",
          ]);
          const question = ["explain", "count-dashboard", "count-api", "GET", "/", "--live"];
          const env = { CONSUL_HTTP_ADDR: lab.url("Consul"), NOMAD_ADDR: lab.url("Nomad") };
          const remote = await run(process.execPath, [CLI, ...question, "--environment", "--json"], {
            env,
            cwd: folder,
          });
          expect(remote).toExit(0);
          const { links, sentence } = JSON.parse(remote.output) as LiveExplanation;
          expect(sentence).toMatch(/^No cause was found: /);
          expect(links.map(({ state }) => state)).toEqual(links.map(() => "ok"));

          const refused = await lab.meshform(["explain", "ticker", "count-api", "GET", "/other", "--live"]);
          expect(refused).toExit(1);
          expect(refused.output).toMatch(/BROKEN +Consul's intentions allow it/);
          expect(refused.output.trim().split("\n").at(-1)).toMatch(
            /^Cause: count-api: Consul refuses it: no permission of .*\(intention\)$/,
          );
        } finally {
          rmSync(folder, { recursive: true });
        }
      },
      3 * MINUTE,
    );

    testFault("an upstream that is not declared", {
      of: ["store", "count-api"],
      cause: /^Cause: store on .*: Its sidecar has no upstream to count-api\..*\(upstream\)$/,
    });
    testFault("a program on another port", {
      of: ["ticker", "store"],
      break: () => tell("store", "SIGUSR2"),
      heal: () => tell("store", "SIGWINCH"),
      cause:
        /^Cause: store on .*: Nothing listens on 127\.0\.0\.1:7001, where its Envoy sends requests; its programs listen on 127\.0\.0\.1:7005\./,
    });
    testFault("a program on another loopback address", {
      of: ["ticker", "store"],
      break: () => tell("store", "SIGHUP"),
      heal: () => tell("store", "SIGWINCH"),
      cause:
        /^Cause: store on .*: Its program listens on 127\.0\.0\.9 port 7001, but Envoy sends requests to 127\.0\.0\.1:7001\./,
    });
    testFault("a missing intention", {
      of: ["ticker", "store"],
      ...withoutEntry("service-intentions", "store"),
      cause:
        /^Cause: store: Consul refuses it: no intention allows ticker to reach store.* The app allows it: deploy the app/,
    });
    testFault("a redirect to a service that does not exist", {
      of: ["ticker", "store"],
      ...resolver({ Redirect: { Service: "nothing" } }),
      cause:
        /^Cause: nothing: Consul has no instance of it, and no job of Nomad registers it\. Rules of store lead there\./,
    });
    testFault("a subset that no instance is in", {
      of: ["ticker", "store"],
      ...resolver({ DefaultSubset: "v9", Subsets: { v9: { Filter: 'Service.Meta.version == "v9"' } } }),
      cause:
        /^Cause: store: No instance is in the subset v9 \(Service\.Meta\.version == "v9"\), of 1 that are registered\./,
    });
    testFault("a peering that does not exist", {
      of: ["ticker", "store"],
      ...resolver({ Redirect: { Service: "store", Peer: "far" } }),
      cause: /^Cause: the peering far: Consul has no peering of this name\./,
    });
    testFault("a peering that is not established", {
      of: ["ticker", "store"],
      break: async () => {
        await lab.api("Consul", "/v1/peering/token", "POST", { PeerName: "far" });
        await resolver({ Redirect: { Service: "store", Peer: "far" } }).break();
      },
      heal: async () => {
        await remove("service-resolver", "store");
        await lab.api("Consul", "/v1/peering/far", "DELETE");
      },
      cause: /^Cause: the peering far: Its state is PENDING, not ACTIVE\./,
    });
    testFault("an external service whose terminating gateway does not run", {
      of: ["ticker", "store"],
      break: async () => {
        const Service = { Service: "outside", Port: 5432 };
        await lab.api("Consul", "/v1/catalog/register", "PUT", { Node: "elsewhere", Address: "192.0.2.1", Service });
        await write({ Kind: "terminating-gateway", Name: "egress", Services: [{ Name: "outside" }] });
        await resolver({ Redirect: { Service: "outside" } }).break();
      },
      heal: async () => {
        await remove("service-resolver", "store");
        await remove("terminating-gateway", "egress");
        await lab.api("Consul", "/v1/catalog/deregister", "PUT", { Node: "elsewhere" });
      },
      cause: /^Cause: outside: It is outside of the mesh, and its terminating gateway egress has no healthy instance\./,
    });
    testFault("a splitter with a part for a service that does not exist", {
      of: ["count-dashboard", "count-api"],
      ...((before?: object) => ({
        break: async () => {
          before = await read("service-splitter", "count-api");
          await write({ Kind: "service-defaults", Name: "absent-api", Protocol: "http" });
          const Splits = [{ Weight: 75 }, { Weight: 25, Service: "absent-api" }];
          await write({ Kind: "service-splitter", Name: "count-api", Splits });
        },
        heal: async () => {
          if (before) await write(before);
          await remove("service-defaults", "absent-api");
        },
      }))(),
      cause:
        /^Cause: absent-api: Consul has no instance of it.* Rules of count-api lead there\. 25 % of the requests go there\./,
    });
    testFault("a check that fails, since the program hangs", {
      of: ["door", "count-dashboard"],
      ...paused("count-dashboard", "count-dashboard"),
      cause: /^Cause: count-dashboard on .*: No instance of count-dashboard is healthy: .*(timeout|deadline)/i,
    });
    testFault("a source whose Envoy hangs", {
      of: ["ticker", "store"],
      ...paused("ticker", "connect-proxy-ticker"),
      cause: /^Cause: ticker on .*: Its Envoy does not answer: .*\(source-sidecar\)$/,
    });
    testFault("a destination whose Envoy hangs", {
      of: ["ticker", "store"],
      ...paused("store", "connect-proxy-store"),
      cause: /^Cause: store on .*(Its Envoy does not answer: .*\(destination-sidecar\)|Connect Sidecar Listening: .*)$/,
    });
    testFault("an Envoy that is stale, since Consul's agent next to it hangs", {
      of: ["ticker", "store"],
      ...((agent = withoutAgent("ticker"), entry = resolver({ Redirect: { Service: "ticker" } })) => ({
        break: async () => {
          await agent.break();
          await entry.break();
        },
        heal: async () => {
          agent.heal();
          await entry.heal();
        },
      }))(),
      cause: /^Cause: ticker on .*: Its Envoy has no cluster for ticker: .*\(endpoints\)$/,
    });
    testFault("Consul's agent of the destination does not answer", {
      of: ["door", "count-dashboard"],
      ...withoutAgent("count-dashboard"),
      cause:
        /^Cause: count-dashboard on .*: No instance of count-dashboard is healthy: Serf Health Status: Agent not live or unreachable/,
    });
    testFault("a protocol that the program does not speak", {
      of: ["ticker", "store"],
      ...((before?: object) => ({
        break: async () => {
          before = await read("service-defaults", "store");
          await write({ ...before, Protocol: "http" });
          const { ID } = await allocationOf("ticker");
          await eventually(async () => {
            const request =
              "fetch('http://127.0.0.1:7002').then((it) => process.exit(it.status === 502 || it.status === 503 ? 0 : 1))";
            expect(await lab.inTask(ID, "ticker", ["node", "-e", request])).toExit(0);
          });
        },
        heal: () => before && write(before),
      }))(),
      cause:
        /^Cause: store on .*: Its program does not speak http: Envoy counts \d+ protocol errors, and no good answer\./,
    });
    testFault("a destination with the count 0; where it has a failover, requests go there", {
      of: ["ticker", "store"],
      break: async () => {
        await lab.api("Nomad", "/v1/job/store/scale", "POST", { Count: 0, Target: { Group: "store" } });
        await finds(/^Cause: store: Its job store has the count 0, so Consul has no instance of it\./, [
          "ticker",
          "store",
        ]);
        await write({ Kind: "service-resolver", Name: "store", Failover: { "*": { Service: "ticker" } } });
        await eventually(async () => {
          const { links } = await explainLive(["ticker", "store"]);
          expect(links.find(({ id }) => id === "instances")).toMatchObject({
            state: "ok",
            findings: [
              {
                problem: expect.stringMatching(
                  /^Its requests fail over to ticker: Its job store has the count 0/,
                ) as string,
              },
            ],
          });
        });
      },
      heal: async () => {
        await remove("service-resolver", "store");
        await lab.api("Nomad", "/v1/job/store/scale", "POST", { Count: 1, Target: { Group: "store" } });
      },
      cause: /^Cause: ticker: Consul refuses it: no intention allows ticker to reach ticker/,
    });
    testFault("a job that is stopped", {
      of: ["ticker", "store"],
      ...((before?: object) => ({
        break: async () => {
          before = await lab.api<object>("Nomad", "/v1/job/store");
          await lab.api("Nomad", "/v1/job/store", "DELETE");
        },
        heal: () => before && lab.api("Nomad", "/v1/jobs", "POST", { Job: before }),
      }))(),
      cause: /^Cause: store: Its job store is stopped, so Consul has no instance of it\./,
    });
    testFault("an endpoint that is ejected, since its program was away for a moment", {
      of: ["ticker", "count-api", "GET", "/never"],
      break: async () => {
        await tell("ticker", "SIGUSR2");
        try {
          await eventually(async () => {
            await kill([processOfTask((await allocationOf("count-api")).ID, "count-api")]);
            // Too few requests may fail until Nomad starts it again, or Consul takes the endpoint back.
            await eventually(expectEjection, 5_000);
          }, MINUTE);
        } finally {
          await tell("ticker", "SIGWINCH");
        }
      },
      cause:
        /^Cause: ticker on .*: Its Envoy has ejected every endpoint of the subset stable of count-api \(\S+\), since their requests failed\..*\(endpoints\)$/,
    });
    testFault("an Envoy that does not run", {
      of: ["ticker", "store"],
      ...((over = new AbortController(), killing = Promise.resolve()) => ({
        break: async () => {
          const { ID } = await allocationOf("store");
          killing = (async () => {
            while (!over.signal.aborted) {
              try {
                await kill([processOfTask(ID, "connect-proxy-store")]);
              } catch {
                // It has not started again yet.
              }
              await setTimeout(100);
            }
          })();
        },
        heal: async () => {
          over.abort();
          await killing;
        },
      }))(),
      cause:
        /^Cause: store.*(Its Envoy does not run: the task connect-proxy-store is|Connect Sidecar Listening: |Its job store does not run)/,
    });
  });
}
