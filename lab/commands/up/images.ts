import { LabError } from "../../core/errors";
import { invocation } from "../../core/invocation";
import { waitFor } from "../../core/wait";
import { loadImages, prepareImages } from "../../hosts/docker/images";
import { lastLines } from "../../hosts/host";
import type { Run, Results, Task } from "./run";

/** Builds or fetches the images that a host lacks. */
export async function prepareNeededImages(run: Run, { docker }: Results, task: Task): Promise<void> {
  if (!docker) return;
  const { files } = run.lab;
  try {
    docker.images = await prepareImages({
      ...{
        files,
        engines: run.engines,
        needed: docker.needed,
        sources: docker.sources,
        dockerd: docker.dockerd,
        signal: run.options.signal,
      },
      hosts: run.clients.map(({ name }) => ({ name, daemon: run.daemonOf(name) })),
      onProgress: (line) => (task.output = line),
    });
  } catch (error) {
    // Nothing has booted: there is no lab yet.
    if (run.lab.topology === undefined) await run.lab.remove();
    throw error;
  }
  const names = docker.images.map(({ name }) => name);
  task.title = `Prepare the images: ${names.length > 0 ? names.join(", ") : "all are on the hosts"}`;
}

/** Loads them into the hosts, once these have booted. */
export async function loadNeededImages(run: Run, results: Results, task: Task): Promise<void> {
  const { docker } = results;
  if (!docker) return;
  const { clients } = run;
  await waitFor(
    "Docker on all hosts that run tasks",
    async () => (await Promise.all(clients.map(async ({ name }) => run.daemonOf(name)?.answers()))).every(Boolean),
    {
      ...run.patience,
      intervalMs: 50,
      lastSeen: () => clients.map(({ name }) => lastLines(run.lab.files.hostLog(name, "docker"), 5)).join("\n"),
    },
  );
  const daemonOf = (host: string) => {
    const daemon = run.daemonOf(host);
    if (daemon) return daemon;
    throw new LabError(`Host ${host} has stopped.`, `Run \`${invocation("up")}\` again.`);
  };
  results.loadedAt = Date.now();
  await loadImages(docker.images, run.lab.files, daemonOf, (line) => (task.output = line), run.options.signal);
}
