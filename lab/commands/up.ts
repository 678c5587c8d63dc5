import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { Listr, type ListrTask, type ListrTaskWrapper } from "listr2";
import { join, resolve } from "node:path";
import { areBootstrapped, areReady, haveLeaders, problemsOfAgents, readAgents } from "../cluster/agents";
import { contextOfProject, findApp, type AppSource } from "../app/app-source";
import { applyStacks, type ApplyOptions, type ApplyResult } from "../apply";
import { needsOf, requireNeeds } from "../app/app-needs";
import { readDocuments, type JobDocument } from "../apply/documents";
import { readStacks } from "../apply/synthesized";
import { callersNow } from "../hosts/forwarder/callers";
import { Cluster } from "../cluster/cluster";
import { hostToolStatus, warningsOfHosts } from "./host-tool";
import { invocation } from "../core/invocation";
import { HopelessJobs, retryFailed } from "../apply/hopeless";
import { joinClusters } from "../cluster/peering";
import { HOST_TOOL } from "../../constructs/linux/host-tool/host-tool";
import type { Profile } from "../../constructs/linux/profile";
import { DRAINED_FILE } from "../../constructs/linux/systemd";
import type { Credentials } from "../hosts/credentials";
import { plainName, type Daemon } from "../hosts/docker/daemon";
import { readImageSources, type ImageSource } from "../hosts/docker/image-sources";
import { envoyImage } from "../hosts/docker/lab-images";
import { restartTasks } from "./restart-tasks";
import { loadImages, prepareImages, type NeededImage, type PreparedImage } from "../hosts/docker/images";
import { driftOf } from "../apply/drift";
import type { Engines } from "../machine/engines/engine";
import type { WantedListener } from "../hosts/forwarder/forwarder";
import { LabError } from "../core/errors";
import { execChroot } from "../hosts/exec-chroot";
import { findProgram } from "../machine/find-program";
import { lastLines, openGate, type BootableHost } from "../hosts/host";
import { labHosts } from "../hosts/host-data";
import { Lab } from "../hosts/lab";
import { readMeshPicture, type MeshPicture } from "../cluster/mesh-picture";
import { hostDaemon } from "../hosts/namespaces";
import { ensureDocker, ensureDockerClient, prepareMachine } from "../machine/prepare-machine";
import { thisMachine } from "../machine/prerequisites";
import { PROGRESS } from "../core/progress";
import { sharePrometheusSecrets } from "../cluster/prometheus-secrets";
import { describeFailures } from "../cluster/failures";
import { isEngine, publishedBy } from "../cluster/published";
import { isHealthy, readJobs, type JobStatus } from "../cluster/services";
import type { Listener, ListenerTls } from "../hosts/state";
import { synthesizeApp, type Runtime } from "../app/synthesize-app";
import { allHosts, hostsOf, topologyOf, type Datacenter, type LabHost, type Topology } from "../hosts/topology";
import { tryMesh } from "../cluster/verify";
import { waitFor, type WaitOptions } from "../core/wait";

/** How long a connection or a page may fail before that counts, in milliseconds. Health checks have passed by then. */
const settlingMs = 25_000;
/** How often servers without a leader are asked whether they wait for a person, in milliseconds. */
const HOPE_MS = 5_000;

const fixServices = `See the logs of a service with \`${invocation("logs", "<service>")}\`, fix the app, then run \`${invocation("up")}\` again.`;

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
  /** Whether the agents of each host have their data on disks of their own, in a new lab. @default as the lab is, else not */
  readonly disks?: boolean;
  /** How many datacenters the lab has. @default what the lab has, else 1 */
  readonly datacenters?: number;
  /**
   * What runs the services of an app that asks for the setting `runtime`. @default what it was the last time, else programs, or
   * containers where the app has some whatever the setting is
   */
  readonly runtime?: Runtime;
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
  /** What endangers hosts: clocks, disks, memory, one sentence each. */
  readonly dangers: readonly string[];
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
  return lab.exclusively(() => new UpRun(lab, engines, options).run());
}

/** What the steps tell each other. */
interface Results {
  /** What there is for containers; undefined where the app has none. */
  docker?: DockerNeeds;
  warnings: string;
  dangers: readonly string[];
  /** The jobs that the app was synthesized to. */
  documents: readonly JobDocument[];
  /** When the images were loaded, in milliseconds. */
  loadedAt?: number;
  booted: boolean;
  sites: readonly Site[];
  applied: ApplyResult;
  jobs: readonly JobStatus[];
  mesh: MeshPicture;
  /** Which datacenters are not joined, and why, as a sentence. */
  apart?: readonly string[];
  problems: readonly string[];
}

interface DockerNeeds {
  readonly dockerd: string;
  readonly needed: readonly NeededImage[];
  /** What the app says of where its images come from. */
  readonly sources: ReadonlyMap<string, ImageSource>;
  /** Those that a host lacks. */
  images: readonly PreparedImage[];
}

/** A datacenter, as it is reached. */
interface Site {
  readonly datacenter: Datacenter;
  readonly cluster: Cluster;
}

/** One run of `up`, step by step. */
class UpRun {
  private topology: Topology;
  /** When the apply began, in milliseconds: earlier failures are those of an earlier app, or put right since. */
  private appliedAt = 0;
  /** Names of the hosts that this run has booted. */
  private readonly booted = new Set<string>();

  constructor(
    private readonly lab: Lab,
    private readonly engines: Engines,
    private readonly options: UpOptions,
  ) {
    const earlier = lab.topology;
    const { profile = earlier?.profile ?? "plain", datacenters = earlier?.datacenters.length ?? 1 } = options;
    const shown = options.shown?.map((folder) => resolve(folder)) ?? earlier?.shown;
    const runtime = options.runtime ?? earlier?.runtime;
    const disks = earlier === undefined ? options.disks : earlier.disks;
    this.topology = {
      ...topologyOf(profile, datacenters),
      ...(shown && { shown }),
      ...(runtime && { runtime }),
      ...(disks && { disks }),
      // What runs containers goes on to do so: other apps may come.
      ...(earlier?.docker && { docker: true }),
    };
    const fix = "Remove it first, or use another name.";
    if (earlier !== undefined && earlier.profile !== profile) {
      throw new LabError(`Lab ${lab.name} is ${earlier.profile}; its data cannot be converted to ${profile}.`, fix);
    }
    if (earlier !== undefined && earlier.datacenters.length > datacenters) {
      throw new LabError(
        `Lab ${lab.name} has ${earlier.datacenters.length} datacenters; the workloads of the last ones would be lost.`,
        fix,
      );
    }
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
    const hasContainers = ({ docker }: Results) => docker !== undefined;
    const steps: ListrTask<Results>[] = [
      step(`Synthesize ${this.options.app.name}`, (results) => this.synthesize(results)),
      step("Check the requirements of the app", (results, task) => this.compare(results, task)),
      { ...step("Prepare the images", (results, task) => this.prepareImages(results, task)), enabled: hasContainers },
      step("Boot the hosts", (results, task) => this.boot(results, task)),
      { ...step("Load the images", (results, task) => this.loadImages(results, task)), enabled: hasContainers },
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
        ? [step("Peer the datacenters", (results, task) => this.peer(results, task))]
        : []),
      step("Wait for the services", (results) => this.awaitServices(results)),
      step("Test the connections and the published ports", (results, task) => this.verify(results, task)),
    ];
    const list = new Listr<Results>(steps, PROGRESS).run();
    const { docker, booted, applied, jobs, mesh, warnings, dangers, problems } = await list.catch((error: unknown) => {
      throw failure ?? error;
    });
    const hasLoaded = (docker?.images.length ?? 0) > 0;
    const changed =
      booted || hasLoaded || [applied.created, applied.updated, applied.deleted].some((list) => list.length > 0);
    const datacenters = this.topology.datacenters.length;
    const { listeners } = this.lab;
    return { changed, applied, jobs, mesh, listeners, warnings, dangers, problems, datacenters };
  }

  private async synthesize(results: Results): Promise<void> {
    const { app, signal } = this.options;
    const { incoming } = this.lab.files;
    const { profile, runtime } = this.topology;
    const synthesizeFor = async (wanted: Runtime) => {
      results.warnings = await synthesizeApp(app, incoming, signal, profile, wanted);
      results.documents = readDocuments(readStacks(incoming)).jobs;
    };
    await synthesizeFor(runtime ?? "exec");
    // The Envoys of an app of containers are containers too, as they are elsewhere.
    if (runtime === undefined && needsOf(results.documents, this.envoyImage).hasContainers) {
      await synthesizeFor("docker");
    }
  }

  /** Before anything boots: what cannot run is not waited for. */
  private async compare(results: Results, task: Task): Promise<void> {
    const { signal } = this.options;
    const { files } = this.lab;
    const { documents } = results;
    const { shown = [] } = this.topology;
    const hosts = this.clients;
    const client = this.bootable().find(({ data }) => data.name === hosts[0].name);
    requireNeeds(documents, {
      ...{ shown, programs: Object.keys(client?.programs ?? {}), chroot: Object.keys(execChroot()) },
      clients: new Map(this.topology.datacenters.map((it) => [it.name, hostsOf(it, "client").length])),
      roots: hosts.flatMap(({ name }) => {
        const init = this.lab.initOf(name);
        return [join(files.host(name), "upper"), ...(init ? [`/proc/${init.pid}/root`] : [])];
      }),
    });
    const { needsDocker, images: needed } = needsOf(documents, this.envoyImage);
    if (!needsDocker) return;
    const sources = readImageSources(contextOfProject().images, process.cwd());
    const { title } = task;
    const installation = {
      signal,
      onInstall: (name: string) => (task.title = `Install the Debian package ${name}`),
      onLine: (line: string) => (task.output = line),
    };
    const dockerd = await ensureDocker(installation);
    if (needed.some(({ name }) => sources.get(plainName(name))?.kind === "folder"))
      await ensureDockerClient(installation);
    task.title = title;
    this.topology = { ...this.topology, docker: true };
    results.docker = { dockerd, needed, sources, images: [] };
  }

  private async prepareImages({ docker }: Results, task: Task): Promise<void> {
    if (!docker) return;
    const { files } = this.lab;
    try {
      docker.images = await prepareImages({
        ...{
          files,
          engines: this.engines,
          needed: docker.needed,
          sources: docker.sources,
          dockerd: docker.dockerd,
          signal: this.options.signal,
        },
        hosts: this.clients.map(({ name }) => ({ name, daemon: this.daemonOf(name) })),
        onProgress: (line) => (task.output = line),
      });
    } catch (error) {
      // Nothing has booted: there is no lab yet.
      if (this.lab.topology === undefined) await this.lab.remove();
      throw error;
    }
    const names = docker.images.map(({ name }) => name);
    task.title = `Prepare the images: ${names.length > 0 ? names.join(", ") : "all are on the hosts"}`;
  }

  private async loadImages(results: Results, task: Task): Promise<void> {
    const { docker } = results;
    if (!docker) return;
    const { clients } = this;
    await waitFor(
      "Docker on all hosts that run tasks",
      async () => (await Promise.all(clients.map(async ({ name }) => this.daemonOf(name)?.answers()))).every(Boolean),
      {
        ...this.patience,
        intervalMs: 50,
        lastSeen: () => clients.map(({ name }) => lastLines(this.lab.files.hostLog(name, "docker"), 5)).join("\n"),
      },
    );
    const daemonOf = (host: string) => {
      const daemon = this.daemonOf(host);
      if (daemon) return daemon;
      throw new LabError(`Host ${host} has stopped.`, `Run \`${invocation("up")}\` again.`);
    };
    results.loadedAt = Date.now();
    await loadImages(docker.images, this.lab.files, daemonOf, (line) => (task.output = line), this.options.signal);
  }

  /** The hosts that run tasks. */
  private get clients(): readonly LabHost[] {
    return this.topology.datacenters.flatMap((datacenter) => hostsOf(datacenter, "client"));
  }

  private get envoyImage(): string {
    return envoyImage(this.engines.envoy);
  }

  private daemonOf(host: string): Daemon | undefined {
    const init = this.lab.initOf(host);
    return init && hostDaemon(init);
  }

  private bootable(): BootableHost[] {
    const { datacenters, shown, disks, docker } = this.topology;
    const dockerd = docker ? findProgram("dockerd") : undefined;
    return datacenters.flatMap((it) => labHosts(it, this.engines, this.lab.files, { shown, disks, dockerd }));
  }

  private async boot(results: Results, task: Task): Promise<void> {
    // An app may make its folder when it is synthesized.
    for (const folder of this.topology.shown ?? []) requireFolder(folder);
    const network = await this.lab.ensureNetwork(this.topology);
    await this.lab.removeHostsExcept(allHosts(this.topology).map(({ name }) => name));
    this.options.signal?.throwIfAborted();
    const boots = this.bootable().map(async (host) => {
      const outcome = await this.lab.ensureHost(host);
      if (outcome !== "unchanged") {
        this.booted.add(host.data.name);
        task.output = `${host.data.name} ${outcome}`;
      }
      return outcome;
    });
    // One that fails does not leave the others running on unattended.
    await Promise.allSettled(boots);
    const outcomes = await Promise.all(boots);
    results.booted = [network, ...outcomes].some((outcome) => outcome !== "unchanged");
    if (!results.booted) task.title = "Boot the hosts: all are running";
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
      let asked = Date.now();
      const haveLeadersOrHope = async () => {
        if (await haveLeaders(cluster)) return true;
        // New servers first look for the others.
        if (this.isSecure && Date.now() - asked > HOPE_MS) {
          await Promise.all(servers.map(({ name }) => this.requireHope(name)));
          asked = Date.now();
        }
        return false;
      };
      await waitFor(`the leaders of Consul and Nomad${this.in(datacenter)}`, haveLeadersOrHope, {
        ...this.patience,
        intervalMs: 50,
        lastSeen: () => this.agentLogs(servers.map(({ name }) => name)),
      });
      const what = `the access control of Consul and Nomad${this.in(datacenter)} to be set up`;
      const isSetUp = () => !this.isSecure || areBootstrapped(cluster);
      await waitFor(what, isSetUp, {
        ...this.patience,
        intervalMs: 50,
        lastSeen: () => servers.map(({ name }) => lastLines(this.aclLog(name), 5)).join("\n"),
      });
      // A server that is not yet counted knows no leader, and what follows may ask any of them.
      await this.awaitAgentsOf({ datacenter, cluster }, servers);
    });
  }

  /** @throws LabError if a server waits for a state that nobody has */
  private async requireHope(server: string): Promise<void> {
    const { recovery = {} } = (await hostToolStatus(this.lab.name, server)) ?? {};
    const hopeless = Object.values(recovery).find(({ state }) => state === "no snapshot");
    if (hopeless === undefined) return;
    const recover = `${invocation("exec", "--name", this.lab.name, server)} ${HOST_TOOL} recover --empty`;
    throw new LabError(
      `All servers of the lab are new, and there is no valid snapshot to restore. ${hopeless.reason}`,
      `Start with an empty state: \`${recover}\`, then run \`${invocation("up")}\` again.`,
    );
  }

  private aclLog(server: string): string {
    return this.lab.files.hostLog(server, "meshform-acl");
  }

  /** What the platform team of a real cluster does once: policies, how workloads come by tokens, what Prometheus may show. */
  private async applyAccess(results: Results, task: Task): Promise<void> {
    const { files } = this.lab;
    const outDir = files.access;
    await synthesizeApp(findApp(require.resolve("../../stacks/access-app")), outDir, this.options.signal);
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
    await this.atEach(sites, (site) => this.awaitAgentsOf(site, site.datacenter.hosts));
  }

  private async awaitAgentsOf({ datacenter, cluster }: Site, hosts: readonly LabHost[]): Promise<void> {
    const notReady = async () => {
      const agents = await readAgents(cluster, datacenter);
      return agents.filter(
        (agent) =>
          hosts.some(({ name }) => name === agent.host) && (!areReady([agent]) || this.takesJobsAgain(agent.host)),
      );
    };
    const whose = hosts === datacenter.hosts ? "all agents" : "the agents of all servers";
    await waitFor(`${whose}${this.in(datacenter)} to be ready`, async () => (await notReady()).length === 0, {
      ...this.patience,
      intervalMs: 50,
      lastSeen: async () => {
        const late = await notReady();
        const states = late.map(({ host, consul, nomad }) => `${host}: Consul ${consul}, Nomad ${nomad}`);
        return [...states, this.agentLogs(late.map(({ host }) => host))].join("\n");
      },
    });
  }

  /** Whether a host that was booted just now has left for that, and will have Nomad place jobs there again. */
  private takesJobsAgain(host: string): boolean {
    const init = this.booted.has(host) ? this.lab.initOf(host) : undefined;
    return init !== undefined && existsSync(`/proc/${init.pid}/root${DRAINED_FILE}`);
  }

  private async apply(results: Results, task: Task): Promise<void> {
    const { files } = this.lab;
    this.appliedAt = Date.now();
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
    const replaced = (results.docker?.images ?? []).filter(({ replaces }) => replaces).map(({ name }) => name);
    if (replaced.length === 0) return;
    task.output = `restarts the tasks with ${replaced.join(", ")}`;
    const { documents } = results;
    await this.atEach(sites, ({ datacenter: { name }, cluster }, index) =>
      restartTasks(
        cluster,
        documents.filter(({ datacenter }) => (datacenter === undefined ? index === 0 : datacenter === name)),
        new Set(replaced),
        results.loadedAt ?? 0,
      ),
    );
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
      let jobs = (await readJobs(cluster)).filter(counts);
      const { appliedAt } = this;
      await retryFailed(cluster, jobs, appliedAt);
      const hopeless = new HopelessJobs(appliedAt);
      await waitFor(
        `${what}${this.in(datacenter)} to be healthy`,
        async () => {
          jobs = (await readJobs(cluster)).filter(counts);
          const reasons = hopeless.find(jobs);
          if (reasons.length > 0) {
            throw new LabError([...reasons, await describeFailures(cluster.nomad, jobs)].join("\n"), fixServices);
          }
          await requireRoom(this.lab.files.folder);
          return jobs.every(isHealthy);
        },
        { ...this.patience, intervalMs: 200, lastSeen: () => describeFailures(cluster.nomad, jobs), fix: fixServices },
      );
      return jobs;
    });
  }

  private async peer(results: Results, task: Task): Promise<void> {
    await this.awaitJobs(results.sites, "the mesh gateways", ({ isMeshGateway }) => isMeshGateway);
    const apart = await joinClusters(clustersOf(results.sites), {
      ...this.patience,
      onJoined: (left, right) => (task.output = `${left} and ${right}`),
    });
    if (apart.length === 0) return;
    task.title = `Peer the datacenters: no mesh gateway in ${apart.join(", ")}`;
    results.apart = [
      `No mesh gateway runs in ${apart.join(" and ")}, so these datacenters are not connected. Add one with addMeshGateway.`,
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
    results.dangers = await warningsOfHosts(this.lab);
    if (problems.length > 0) task.title += `: ${problems.length} of ${tried} fail`;
  }

  private async reach(listeners: readonly WantedListener[]): Promise<Site[]> {
    await this.lab.ensureForwarder(listeners);
    const clusters = Cluster.all(this.lab);
    return this.topology.datacenters.map((datacenter, index) => ({ datacenter, cluster: clusters[index] }));
  }

  /** What is done in all datacenters at once. One that fails does not leave the others at it unattended. */
  private async atEach<T>(sites: readonly Site[], act: (site: Site, index: number) => Promise<T>): Promise<T[]> {
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

/** Room without which neither the engines nor tasks can write, in bytes. */
const leastRoom = 64 * 2 ** 20;

/** @throws LabError if the disk of a folder is full */
async function requireRoom(folder: string): Promise<void> {
  const free = await thisMachine().freeDisk(folder);
  if (free >= leastRoom) return;
  throw new LabError(
    `The disk of ${folder} is full: ${Math.floor(free / 2 ** 20)} MiB are left for the hosts and their tasks.`,
    `Free some space there, then run \`${invocation("up")}\` again.`,
  );
}

function requireFolder(path: string): void {
  const fix = "Use a directory with files for the tasks.";
  if (/^\/((dev|proc|run|sys)(\/|$)|$)/.test(path)) throw new LabError(`Hosts have their own ${path}.`, fix);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new LabError(`The directory ${path} does not exist.`, fix);
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
