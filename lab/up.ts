import { renameSync, rmSync, statSync } from "node:fs";
import { Listr, type ListrTask, type ListrTaskWrapper } from "listr2";
import { resolve } from "node:path";
import { areBootstrapped, areReady, haveLeaders, problemsOfAgents, readAgents } from "./agents";
import { findApp, type AppSource } from "./app-source";
import { applyStacks, type ApplyOptions, type ApplyResult } from "./apply";
import { callersNow } from "./callers";
import { Cluster } from "./cluster";
import { invocation } from "./invocation";
import { joinClusters } from "./peering";
import type { Profile } from "../constructs/linux/profile";
import type { Credentials } from "./credentials";
import { driftOf } from "./drift";
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
import { isEngine, publishedBy } from "./published";
import { isHealthy, readJobs, type JobStatus } from "./services";
import type { Listener, ListenerTls } from "./state";
import { synthesizeApp } from "./synthesize-app";
import { allHosts, hostsOf, topologyOf, type Datacenter, type Topology } from "./topology";
import { tryMesh } from "./verify";
import { waitFor, type WaitOptions } from "./wait";

/** How long a connection or a page may fail before that counts, in milliseconds. Health checks have passed by then. */
const settlingMs = 25_000;

const mendServices = `See all that a service writes with \`${invocation("logs", "<service>")}\`, mend the app, then run \`${invocation("up")}\` again.`;

export interface UpOptions {
  /** Name of the lab. */
  readonly name: string;
  /** What is deployed. */
  readonly app: AppSource;
  readonly engine: ApplyOptions["engine"];
  /** Time limit of each wait for agents, services and answers, in milliseconds. */
  readonly timeoutMs: number;
  /** @default what the lab is, else plain */
  readonly profile?: Profile;
  /** Folders of the machine that clients see read-only at their own paths. @default what the lab shows, else none */
  readonly shown?: readonly string[];
  /** How many datacenters the lab has. @default what the lab has, else 1 */
  readonly datacenters?: number;
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
  /** What does not work, or is not as the app says, one sentence each. */
  readonly problems: readonly string[];
  /** How many datacenters the lab has. */
  readonly datacenters: number;
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
  sites: readonly Site[];
  applied: ApplyResult;
  jobs: readonly JobStatus[];
  mesh: MeshPicture;
  /** Which datacenters are not joined, and why, as a sentence. */
  apart?: readonly string[];
  problems: readonly string[];
}

/** A datacenter, as it is reached. */
interface Site {
  readonly datacenter: Datacenter;
  readonly cluster: Cluster;
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
    const earlier = lab.topology;
    const { profile = earlier?.profile ?? "plain", datacenters = earlier?.datacenters.length ?? 1 } = options;
    const shown = options.shown?.map((folder) => resolve(folder)) ?? earlier?.shown;
    this.topology = { ...topologyOf(profile, datacenters), ...(shown && { shown }) };
    const fix = "Take it down first, or give it another name.";
    if (earlier !== undefined && earlier.profile !== profile) {
      throw new LabError(
        `Lab ${lab.name} is ${earlier.profile}; what its servers know cannot be made ${profile} as it is.`,
        fix,
      );
    }
    if (earlier !== undefined && earlier.datacenters.length > datacenters) {
      throw new LabError(
        `Lab ${lab.name} has ${earlier.datacenters.length} datacenters; what the last of them run would be lost.`,
        fix,
      );
    }
    this.hosts = this.topology.datacenters.flatMap((datacenter) => labHosts(datacenter, engines, lab.files, shown));
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
      step(`Synthesize ${this.options.app.name}`, (results) => this.synthesize(results)),
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
      // Before the services: a gateway that leads only to another datacenter is not healthy before.
      ...(this.topology.datacenters.length > 1
        ? [step("Join the datacenters", (results, task) => this.join(results, task))]
        : []),
      step("Wait for the services", (results) => this.awaitServices(results)),
      step("Try the connections and the published ports", (results, task) => this.verify(results, task)),
    ];
    const list = new Listr<Results>(steps, PROGRESS).run();
    const { booted, applied, jobs, mesh, warnings, problems } = await list.catch((error: unknown) => {
      throw failure ?? error;
    });
    const changed = booted || [applied.created, applied.updated, applied.deleted].some((list) => list.length > 0);
    const datacenters = this.topology.datacenters.length;
    return { changed, applied, jobs, mesh, listeners: this.lab.listeners, warnings, problems, datacenters };
  }

  private async synthesize(results: Results): Promise<void> {
    const { app, signal } = this.options;
    results.warnings = await synthesizeApp(app, this.lab.files.incoming, signal, this.topology.profile);
  }

  private async boot(results: Results, task: Task): Promise<void> {
    // An app may make its folder when it is synthesized.
    for (const folder of this.topology.shown ?? []) requireFolder(folder);
    const network = await this.lab.ensureNetwork(this.topology);
    await this.lab.removeHostsExcept(allHosts(this.topology).map(({ name }) => name));
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
    const published = this.lab.listeners.filter((it) => !isEngine(it));
    const callers = callersNow(this.lab.listeners.flatMap((it) => it.callers ?? []));
    const engines = this.topology.datacenters.flatMap((datacenter, index) =>
      enginesOf(datacenter, index, this.lab.credentialsOf(datacenter.name), callers),
    );
    results.sites = await this.reach([...engines, ...published]);
  }

  private async awaitServers({ sites }: Results): Promise<void> {
    await this.atEach(sites, async ({ datacenter, cluster }) => {
      const servers = hostsOf(datacenter, "server");
      await waitFor(`the leaders of Consul and Nomad${this.in(datacenter)}`, () => haveLeaders(cluster), {
        ...this.patience,
        intervalMs: 50,
        lastSeen: () => this.agentLogs(servers.map(({ name }) => name)),
      });
      if (!this.isSecure) return;
      const what = `the access control of Consul and Nomad${this.in(datacenter)} to be set up`;
      await waitFor(what, () => areBootstrapped(cluster), {
        ...this.patience,
        intervalMs: 50,
        lastSeen: () => servers.map(({ name }) => lastLines(this.lab.files.hostLog(name, "acl"), 5)).join("\n"),
      });
    });
  }

  /** What the platform team of a real cluster does once: policies, how workloads come by tokens, what Prometheus may show. */
  private async applyAccess(results: Results, task: Task): Promise<void> {
    const { files } = this.lab;
    const outDir = files.access;
    await synthesizeApp(findApp(require.resolve("../stacks/access-app")), outDir, this.options.signal);
    const applied = await this.atEach(results.sites, async ({ datacenter: { name }, cluster }) => {
      await sharePrometheusSecrets(cluster, files);
      return applyStacks({
        outDir,
        stateDir: files.accessApplied(name),
        endpoints: cluster.endpoints,
        engine: this.options.engine,
        variables: {
          // Consul's and Nomad's servers share their hosts.
          nomad_jwks_url: "https://127.0.0.1:4646/.well-known/jwks.json",
          nomad_ca_certificate: this.lab.credentialsOf(name)?.nomadCa ?? "",
        },
        onProgress: (line) => (task.output = line),
        signal: this.options.signal,
      });
    });
    task.title = `Apply the access rules${summary(...applied)}`;
  }

  private async awaitAgents({ sites }: Results): Promise<void> {
    for (const { name, role } of allHosts(this.topology)) {
      if (role === "client") openGate(this.lab.files, name);
    }
    await this.atEach(sites, ({ datacenter, cluster }) =>
      waitFor(
        `all agents${this.in(datacenter)} to be ready`,
        async () => areReady(await readAgents(cluster, datacenter)),
        {
          ...this.patience,
          intervalMs: 50,
          lastSeen: async () => {
            const late = (await readAgents(cluster, datacenter)).filter((agent) => !areReady([agent]));
            const states = late.map(({ host, consul, nomad }) => `${host}: Consul ${consul}, Nomad ${nomad}`);
            return [...states, this.agentLogs(late.map(({ host }) => host))].join("\n");
          },
        },
      ),
    );
  }

  private async apply(results: Results, task: Task): Promise<void> {
    const { files } = this.lab;
    rmSync(files.synthesized, { recursive: true, force: true });
    renameSync(files.incoming, files.synthesized);
    const { sites } = results;
    results.applied = await applyStacks({
      outDir: files.synthesized,
      stateDir: files.applied,
      endpoints: sites[0].cluster.endpoints,
      datacenters: Object.fromEntries(sites.map(({ datacenter, cluster }) => [datacenter.name, cluster.endpoints])),
      engine: this.options.engine,
      onProgress: (line) => (task.output = line),
      signal: this.options.signal,
    });
    task.title = `Apply the stacks${summary(results.applied)}`;
  }

  private async awaitServices(results: Results): Promise<void> {
    const { sites, apart = [] } = results;
    // A run of a periodic job that has failed long ago can only be made good by the next one.
    const jobs = await this.awaitJobs(sites, "all services", ({ runs }) => runs === undefined);
    results.jobs = (await Promise.all(clustersOf(sites).map((cluster) => readJobs(cluster)))).flat();
    const mesh = await readMeshPicture(clustersOf(sites), results.jobs);
    results.mesh = { ...mesh, remarks: [...mesh.remarks, ...apart] };
    const listeners = this.lab.listeners.filter(isEngine);
    const published = sites.flatMap(({ datacenter }, index) => publishedBy(jobs[index], datacenter));
    results.sites = await this.reach([...listeners, ...published]);
  }

  /** @returns the jobs of each datacenter that were waited for */
  private awaitJobs(sites: readonly Site[], what: string, counts: (job: JobStatus) => boolean): Promise<JobStatus[][]> {
    return this.atEach(sites, async ({ datacenter, cluster }) => {
      let jobs: JobStatus[] = [];
      await waitFor(
        `${what}${this.in(datacenter)} to be healthy`,
        async () => {
          jobs = (await readJobs(cluster)).filter(counts);
          const outdated = jobs.find((job) => job.outdated !== undefined);
          if (outdated !== undefined) throw new LabError(await ailments(cluster.nomad, [outdated]), mendServices);
          return jobs.every(isHealthy);
        },
        { ...this.patience, intervalMs: 200, lastSeen: () => ailments(cluster.nomad, jobs), fix: mendServices },
      );
      return jobs;
    });
  }

  private async join(results: Results, task: Task): Promise<void> {
    await this.awaitJobs(results.sites, "the mesh gateways", ({ isMeshGateway }) => isMeshGateway);
    const apart = await joinClusters(clustersOf(results.sites), {
      ...this.patience,
      onJoined: (left, right) => (task.output = `${left} and ${right}`),
    });
    if (apart.length === 0) return;
    task.title = `Join the datacenters: no mesh gateway in ${apart.join(", ")}`;
    results.apart = [
      `No mesh gateway runs in ${apart.join(" and ")}, so nothing there is joined: addMeshGateway adds one to a mesh.`,
    ];
  }

  /** What does not work is reported, not thrown: everything is in place by now, and worth a look. */
  private async verify(results: Results, task: Task): Promise<void> {
    const { sites, mesh } = results;
    const clusters = clustersOf(sites);
    const published = this.lab.listeners.filter((it) => !isEngine(it));
    const { tried, problems } = await tryMesh(clusters, mesh, published, {
      settlingMs: Math.min(settlingMs, this.options.timeoutMs),
      signal: this.options.signal,
      initOf: (host) => this.lab.initOf(host),
    });
    const agents = await this.atEach(sites, ({ datacenter, cluster }) => readAgents(cluster, datacenter));
    const others = [
      ...problemsOfAgents(agents.flat(), (host) => this.lab.execOn(host)),
      // All else was restored just now.
      ...(await driftOf(this.lab, clusters)).foreign,
    ];
    results.problems = [...problems, ...others];
    if (problems.length > 0) task.title += `: ${problems.length} of ${tried} fail`;
  }

  private async reach(listeners: readonly WantedListener[]): Promise<Site[]> {
    await this.lab.ensureForwarder(listeners);
    const clusters = Cluster.all(this.lab);
    return this.topology.datacenters.map((datacenter, index) => ({ datacenter, cluster: clusters[index] }));
  }

  /** What is done in all datacenters at once. One that fails does not leave the others at it unattended. */
  private async atEach<T>(sites: readonly Site[], act: (site: Site) => Promise<T>): Promise<T[]> {
    const acts = sites.map(act);
    await Promise.allSettled(acts);
    return Promise.all(acts);
  }

  /** ` in dc2`, where there is more than one. */
  private in({ name }: Datacenter): string {
    return this.topology.datacenters.length > 1 ? ` in ${name}` : "";
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

/**
 * The engines' usual ports on the machine, and for each further datacenter ports ten higher. Where the lab wants TLS, the
 * forwarder speaks it with an operator's certificate.
 */
function enginesOf(
  datacenter: Datacenter,
  index: number,
  credentials: Credentials | undefined,
  callers: readonly number[],
): WantedListener[] {
  const targets = hostsOf(datacenter, "server").map(({ address }) => address);
  const listener = (name: string, port: number, targetPort: number, tls: ListenerTls | undefined) => {
    const wanted = port + 10 * index;
    return {
      ...{ name, datacenter: datacenter.name, wanted, targets, callers },
      ...(targetPort !== wanted && { targetPort }),
      ...(tls && { tls }),
    };
  };
  return [
    listener("consul", 8500, credentials ? 8501 : 8500, credentials?.consulTls),
    listener("nomad", 4646, 4646, credentials?.nomadTls),
  ];
}

function requireFolder(path: string): void {
  const fix = "Name a folder with files that tasks read, with `--show`.";
  if (/^\/((dev|proc|run|sys)(\/|$)|$)/.test(path)) throw new LabError(`Hosts have a ${path} of their own.`, fix);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new LabError(`There is no folder ${path} that hosts could show.`, fix);
  }
}

function clustersOf(sites: readonly Site[]): Cluster[] {
  return sites.map(({ cluster }) => cluster);
}

/** ` (offline): 2 created, 4 unchanged` */
function summary(...results: readonly ApplyResult[]): string {
  const changes = (["created", "updated", "deleted", "unchanged"] as const).flatMap((what) => {
    const count = results.flatMap((result) => result[what]).length;
    return count > 0 ? [`${count} ${what}`] : [];
  });
  return ` (${results[0].engine}): ${changes.join(", ")}`;
}
