import { Listr, type ListrTask } from "listr2";
import type { ApplyResult } from "../../apply";
import type { MeshPicture } from "../../cluster/mesh-picture";
import type { JobStatus } from "../../cluster/job-status";
import { PROGRESS } from "../../core/progress";
import { Lab } from "../../hosts/lab";
import type { Listener } from "../../hosts/state";
import { prepareMachine } from "../../machine/prepare-machine";
import { awaitServers, awaitAgents } from "./agents";
import { synthesize, compare } from "./app";
import { boot } from "./boot";
import { deploy } from "./deploy";
import { federate } from "./federate";
import { firstSites } from "./first-sites";
import { applyAccess } from "./access";
import { prepareNeededImages, loadNeededImages } from "./images";
import { Run, type Results, type Task, type UpOptions } from "./run";
import { peer, awaitServices } from "./services";
import { setUpVault } from "./vault";
import { verify } from "./verify";

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
  const also = (options.vault ?? lab.topology?.vault) ? (["vault"] as const) : [];
  const engines = await prepareMachine({ signal: options.signal, also });
  return lab.exclusively(() => takeSteps(new Run(lab, engines, options)));
}

/** Takes the steps of a run, one after the other. */
async function takeSteps(run: Run): Promise<UpReport> {
  let failure: unknown;
  const step = (title: string, act: (results: Results, task: Task) => Promise<void>): ListrTask<Results> => ({
    title,
    task: (results, task: Task) =>
      act(results, task).catch((error: unknown) => {
        failure = error;
        throw new Error(run.options.signal?.aborted ? "stopped" : "failed, see below", { cause: error });
      }),
  });
  const hasContainers = ({ docker }: Results) => docker !== undefined;
  const steps: ListrTask<Results>[] = [
    step(`Synthesize ${run.options.app.name}`, (results) => synthesize(run, results)),
    step("Check the requirements of the app", (results, task) => compare(run, results, task)),
    {
      ...step("Prepare the images", (results, task) => prepareNeededImages(run, results, task)),
      enabled: hasContainers,
    },
    step("Boot the hosts", (results, task) => boot(run, results, task)),
    { ...step("Load the images", (results, task) => loadNeededImages(run, results, task)), enabled: hasContainers },
    // Vault comes before the clients: their agents look for it when they start.
    ...(run.isSecure || run.topology.vault
      ? [
          step("Wait for the servers", (results) => awaitServers(run, firstSites(run, results))),
          ...(run.isSecure
            ? [
                step("Apply the access rules", async (results, task) => {
                  const changes = await applyAccess(run, firstSites(run, results), (line) => (task.output = line));
                  task.title = `Apply the access rules${changes}`;
                }),
              ]
            : []),
          ...(run.topology.vault ? [step("Set up Vault", (results) => setUpVault(run, results))] : []),
          step("Wait for the clients", (results) => awaitAgents(run, firstSites(run, results))),
        ]
      : [
          step("Wait for Consul and Nomad", async (results) => {
            await awaitServers(run, firstSites(run, results));
            await awaitAgents(run, firstSites(run, results));
          }),
        ]),
    step("Apply the stacks", (results, task) => deploy(run, results, task)),
    // Before the services: a gateway that leads only to another datacenter is not healthy before.
    ...(run.topology.datacenters.length > 1
      ? [
          run.topology.join === "wan"
            ? step("Federate the datacenters", (results) => federate(run, results))
            : step("Peer the datacenters", (results, task) => peer(run, results, task)),
        ]
      : []),
    step("Wait for the services", (results) => awaitServices(run, results)),
    step("Test the connections and the published ports", (results, task) => verify(run, results, task)),
  ];
  const list = new Listr<Results>(steps, PROGRESS).run();
  const { docker, booted, applied, jobs, mesh, warnings, dangers, problems } = await list.catch((error: unknown) => {
    throw failure ?? error;
  });
  const hasLoaded = (docker?.images.length ?? 0) > 0;
  const changed =
    booted || hasLoaded || [applied.created, applied.updated, applied.deleted].some((list) => list.length > 0);
  const datacenters = run.topology.datacenters.length;
  const { listeners } = run.lab;
  return { changed, applied, jobs, mesh, listeners, warnings, dangers, problems, datacenters };
}
