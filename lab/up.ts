import { renameSync, rmSync } from "node:fs";
import { Listr, type ListrTask, type ListrTaskWrapper } from "listr2";
import { join } from "node:path";
import { areBootstrapped, areReady, haveLeaders, readAgents } from "./agents";
import { applyStacks, type ApplyOptions, type ApplyResult } from "./apply";
import { Cluster, urlOf } from "./cluster";
import type { Profile } from "../constructs/linux/profile";
import type { Credentials } from "./credentials";
import type { Engines } from "./engines/engine";
import type { WantedListener } from "./forwarder";
import { LabError } from "./errors";
import { lastLines, openGate, type BootableHost } from "./host";
import { labHosts } from "./host-data";
import { Lab } from "./lab";
import { readMeshPicture, type MeshPicture } from "./mesh-picture";
import { prepareMachine } from "./prepare-machine";
import { PROGRESS } from "./progress";
import { sharePrometheusSecrets } from "./prometheus-secrets";
import { ailments } from "./ailments";
import { publishedBy } from "./published";
import { isHealthy, readJobs, type JobStatus } from "./services";
import type { Listener } from "./state";
import { synthesizeApp } from "./synthesize-app";
import { hostsOf, topologyOf, type Topology } from "./topology";
import { problemOfConnection, problemOfPublished } from "./verify";
import { waitFor, type WaitOptions } from "./wait";

/** How long a connection or a page may fail before that counts, in milliseconds. Health checks have passed by then. */
const settlingMs = 15_000;

const mendServices =
  "See all that a service writes with `meshform logs <service>`, mend the app, then run `meshform up` again.";

export interface UpOptions {
  /** Name of the lab. */
  readonly name: string;
  /** File with the app to deploy. */
  readonly app: string;
  readonly engine: ApplyOptions["engine"];
  /** Time limit of each wait for agents, services and answers, in milliseconds. */
  readonly timeoutMs: number;
  /** @default what the lab is, else plain */
  readonly profile?: Profile;
  /** Stops at the next safe point. The lab stays as it is then, for another `up` or for `down`. @default never */
  readonly signal?: AbortSignal;
}

/** What `up` did, and what there is now. */
export interface UpReport {
  /** Whether anything had to be started or changed. */
  readonly changed: boolean;
  readonly applied: ApplyResult;
  readonly listeners: readonly Listener[];
  readonly jobs: readonly JobStatus[];
  readonly mesh: MeshPicture;
  /** What was tried and does not work, one sentence each. */
  readonly problems: readonly string[];
  /** What the app printed when it was synthesized: its warnings. */
  readonly warnings: string;
}

/**
 * Brings a lab to where the app says, from whatever is there: nothing, half a lab, or a running one. Shows its progress on
 * standard output.
 *
 * @throws LabError with what failed and the engine's own words
 */
export async function up(options: UpOptions): Promise<UpReport> {
  const lab = new Lab(options.name);
  const engines = await prepareMachine({ signal: options.signal });
  return lab.exclusively(() => new Ascent(lab, engines, options).run());
}

/** What the steps tell each other. */
interface Results {
  warnings: string;
  booted: boolean;
  cluster: Cluster;
  applied: ApplyResult;
  jobs: readonly JobStatus[];
  mesh: MeshPicture;
  problems: readonly string[];
}

/** One run of `up`, step by step. */
class Ascent {
  private readonly topology: Topology;
  private readonly hosts: readonly BootableHost[];

  constructor(
    private readonly lab: Lab,
    engines: Engines,
    private readonly options: UpOptions,
  ) {
    const earlier = lab.topology?.profile;
    this.topology = topologyOf(options.profile ?? earlier ?? "plain");
    if (earlier !== undefined && earlier !== this.topology.profile) {
      throw new LabError(
        `Lab ${lab.name} is ${earlier}; what its servers know cannot be made ${this.topology.profile} as it is.`,
        `Take it down first, or give it another name.`,
      );
    }
    this.hosts = labHosts(this.topology, engines, lab.files);
  }

  async run(): Promise<UpReport> {
    let failure: unknown;
    const step = (title: string, run: (results: Results, task: Task) => Promise<void>): ListrTask<Results> => ({
      title,
      task: (results, task: Task) =>
        run(results, task).catch((error: unknown) => {
          failure = error;
          throw new Error(this.options.signal?.aborted ? "stopped" : "failed, see below", { cause: error });
        }),
    });
    const steps = [
      step(`Synthesize ${this.options.app}`, (results) => this.synthesize(results)),
      step("Boot the hosts", (results, task) => this.boot(results, task)),
      ...(this.isSecure
        ? [
            step("Wait for the servers", (results) => this.awaitServers(results)),
            step("Apply the access rules", (results, task) => this.applyAccess(results, task)),
            step("Wait for the clients", (results) => this.awaitAgents(results)),
          ]
        : [
            step("Wait for Consul and Nomad", async (results) => {
              await this.awaitServers(results);
              await this.awaitAgents(results);
            }),
          ]),
      step("Apply the stacks", (results, task) => this.apply(results, task)),
      step("Wait for the services", (results) => this.awaitServices(results)),
      step("Try the connections and the published ports", (results, task) => this.verify(results, task)),
    ];
    const list = new Listr<Results>(steps, PROGRESS).run();
    const { booted, applied, jobs, mesh, warnings, problems } = await list.catch((error: unknown) => {
      throw failure ?? error;
    });
    const changed = booted || [applied.created, applied.updated, applied.deleted].some((list) => list.length > 0);
    return { changed, applied, jobs, mesh, listeners: this.lab.listeners, warnings, problems };
  }

  private async synthesize(results: Results): Promise<void> {
    const { app, signal } = this.options;
    results.warnings = await synthesizeApp(app, this.lab.files.incoming, signal, this.topology.profile);
  }

  private async boot(results: Results, task: Task): Promise<void> {
    const network = await this.lab.ensureNetwork(this.topology);
    await this.lab.removeHostsExcept(this.topology.hosts.map(({ name }) => name));
    this.options.signal?.throwIfAborted();
    const boots = this.hosts.map(async (host) => {
      const outcome = await this.lab.ensureHost(host);
      if (outcome !== "unchanged") task.output = `${host.data.name} ${outcome}`;
      return outcome;
    });
    // One that fails does not leave the others running on unattended.
    await Promise.allSettled(boots);
    const outcomes = await Promise.all(boots);
    results.booted = [network, ...outcomes].some((outcome) => outcome !== "unchanged");
    if (!results.booted) task.title = "Boot the hosts: all run already";
    // What is published already stays so: browsers may have the page open.
    const published = this.lab.listeners.filter(({ name }) => !isEngine(name));
    const servers = hostsOf(this.topology, "server").map(({ address }) => address);
    results.cluster = await this.reach([...enginesAt(servers, this.lab.credentials), ...published]);
  }

  private async awaitServers({ cluster }: Results): Promise<void> {
    const servers = hostsOf(this.topology, "server");
    await waitFor("the leaders of Consul and Nomad", () => haveLeaders(cluster), {
      ...this.patience,
      intervalMs: 50,
      lastSeen: () => this.agentLogs(servers.map(({ name }) => name)),
    });
    if (!this.isSecure) return;
    await waitFor("the access control of Consul and Nomad to be set up", () => areBootstrapped(cluster), {
      ...this.patience,
      intervalMs: 50,
      lastSeen: () => servers.map(({ name }) => lastLines(this.lab.files.hostLog(name, "acl"), 5)).join("\n"),
    });
  }

  /** What the platform team of a real cluster does once: policies, how workloads come by tokens, what Prometheus may show. */
  private async applyAccess(results: Results, task: Task): Promise<void> {
    const { files, credentials } = this.lab;
    const outDir = join(files.access, "cdktf.out");
    await synthesizeApp(join(__dirname, "..", "stacks", "access-app.ts"), outDir, this.options.signal);
    const applied = await applyStacks({
      outDir,
      stateDir: join(files.access, "apply"),
      endpoints: results.cluster.endpoints,
      engine: this.options.engine,
      variables: {
        // Consul's and Nomad's servers share their hosts.
        nomad_jwks_url: "https://127.0.0.1:4646/.well-known/jwks.json",
        nomad_ca_certificate: credentials?.nomadCa ?? "",
      },
      onProgress: (line) => (task.output = line),
      signal: this.options.signal,
    });
    await sharePrometheusSecrets(results.cluster, files);
    task.title = `Apply the access rules${summary(applied)}`;
  }

  private async awaitAgents({ cluster }: Results): Promise<void> {
    const clients = hostsOf(this.topology, "client");
    for (const { name } of clients) openGate(this.lab.files, name);
    await waitFor(
      "all agents to be ready",
      async () => {
        const agents = await readAgents(cluster, this.topology);
        return areReady(agents);
      },
      {
        ...this.patience,
        intervalMs: 50,
        lastSeen: async () => {
          const late = (await readAgents(cluster, this.topology)).filter((agent) => !areReady([agent]));
          const states = late.map(({ host, consul, nomad }) => `${host}: Consul ${consul}, Nomad ${nomad}`);
          return [...states, this.agentLogs(late.map(({ host }) => host))].join("\n");
        },
      },
    );
  }

  private async apply(results: Results, task: Task): Promise<void> {
    const { files } = this.lab;
    rmSync(files.synthesized, { recursive: true, force: true });
    renameSync(files.incoming, files.synthesized);
    results.applied = await applyStacks({
      outDir: files.synthesized,
      stateDir: files.applied,
      endpoints: results.cluster.endpoints,
      engine: this.options.engine,
      onProgress: (line) => (task.output = line),
      signal: this.options.signal,
    });
    task.title = `Apply the stacks${summary(results.applied)}`;
  }

  private async awaitServices(results: Results): Promise<void> {
    const { cluster } = results;
    let jobs: readonly JobStatus[] = [];
    await waitFor(
      "all services to be healthy",
      async () => {
        jobs = await readJobs(cluster);
        return jobs.every(isHealthy);
      },
      { ...this.patience, intervalMs: 200, lastSeen: () => ailments(cluster, jobs), fix: mendServices },
    );
    results.jobs = jobs;
    results.mesh = await readMeshPicture(cluster, jobs);
    const listeners = this.lab.listeners.filter(({ name }) => isEngine(name));
    results.cluster = await this.reach([...listeners, ...publishedBy(jobs, this.topology)]);
  }

  /** What does not work is reported, not thrown: everything is in place by now, and worth a look. */
  private async verify(results: Results, task: Task): Promise<void> {
    const { cluster, mesh } = results;
    const published = this.lab.listeners.filter(({ name }) => !isEngine(name));
    const connections = await Promise.all(
      mesh.connections.map((it) =>
        this.problemOnceSettled(`${it.source} cannot reach ${it.destination}`, () =>
          problemOfConnection(cluster, it, (host) => this.lab.initOf(host)),
        ),
      ),
    );
    // After the connections, on which a page may depend.
    const pages = await Promise.all(
      published.map((it) => this.problemOnceSettled(`${it.name} fails at ${urlOf(it)}`, () => problemOfPublished(it))),
    );
    results.problems = [...connections, ...pages].filter((problem) => problem !== undefined);
    const { length } = results.problems;
    if (length > 0) task.title += `: ${length} of ${connections.length + pages.length} fail`;
  }

  /** Endpoints and certificates take a moment to reach each Envoy, so the first refusal is not the last word. */
  private async problemOnceSettled(what: string, look: () => Promise<string | undefined>): Promise<string | undefined> {
    let last: string | undefined;
    const timeoutMs = Math.min(settlingMs, this.options.timeoutMs);
    try {
      await waitFor(what, async () => (last = await look()) === undefined, { ...this.patience, timeoutMs });
      return undefined;
    } catch (error) {
      this.options.signal?.throwIfAborted();
      return `${what}: ${last ?? String(error)}`;
    }
  }

  private async reach(listeners: readonly WantedListener[]): Promise<Cluster> {
    await this.lab.ensureForwarder(listeners);
    return Cluster.through(this.lab);
  }

  private get isSecure(): boolean {
    return this.topology.profile === "secure";
  }

  private get patience(): WaitOptions {
    const { timeoutMs, signal } = this.options;
    return { timeoutMs, signal };
  }

  private agentLogs(hosts: readonly string[]): string {
    const logs = hosts.flatMap((host) => ["consul", "nomad"].map((unit) => ({ host, unit })));
    return logs
      .map(({ host, unit }) => `${unit} on ${host}:\n${lastLines(this.lab.files.hostLog(host, unit), 5)}`)
      .join("\n");
  }
}

type Task = ListrTaskWrapper<Results, never, never>;

/** The engines' usual ports on the machine. Where the lab wants TLS, the forwarder speaks it with an operator's certificate. */
function enginesAt(targets: readonly string[], credentials: Credentials | undefined): WantedListener[] {
  return [
    credentials
      ? { name: "consul", wanted: 8500, targetPort: 8501, targets, tls: credentials.consulTls }
      : { name: "consul", wanted: 8500, targets },
    { name: "nomad", wanted: 4646, targets, ...(credentials && { tls: credentials.nomadTls }) },
  ];
}

/** Whether a listener leads to an engine, not to a service. */
export function isEngine(name: string): boolean {
  return name === "consul" || name === "nomad";
}

/** ` (offline): 2 created, 4 unchanged` */
function summary({ engine, created, updated, deleted, unchanged }: ApplyResult): string {
  const counts = Object.entries({ created, updated, deleted, unchanged }).filter(([, names]) => names.length > 0);
  return ` (${engine}): ${counts.map(([what, names]) => `${names.length} ${what}`).join(", ")}`;
}
