import { join } from "node:path";
import { needsOf, requireNeeds } from "../../app/app-needs";
import { contextOfProject } from "../../app/app-source";
import { settingsOf, synthesizeApp, type Runtime } from "../../app/synthesize-app";
import { readDocuments } from "../../apply/documents";
import { requireCommunityEdition } from "../../apply/require-community-edition";
import { readStacks } from "../../apply/synthesized";
import { plainName } from "../../hosts/docker/daemon";
import { readImageSources } from "../../hosts/docker/image-sources";
import { execChroot } from "../../hosts/exec-chroot";
import { hostsOf } from "../../hosts/topology";
import { ensureDocker, ensureDockerClient } from "../../machine/prepare-machine";
import type { Run, Results, Task } from "./run";

/** Synthesizes the app, for the runtime that it needs. */
export async function synthesize(run: Run, results: Results): Promise<void> {
  const { app, signal } = run.options;
  const { incoming, name: lab } = run.lab.files;
  const settings = settingsOf(run.topology);
  const synthesizeFor = async (wanted: Runtime) => {
    results.warnings = await synthesizeApp(app, incoming, { ...settings, lab, signal, runtime: wanted });
    const documents = readDocuments(readStacks(incoming));
    requireCommunityEdition(documents);
    results.documents = documents.jobs;
  };
  await synthesizeFor(settings.runtime ?? "exec");
  // The Envoys of an app of containers are containers too, as they are elsewhere.
  if (settings.runtime === undefined && needsOf(results.documents, run.envoyImage).hasContainers) {
    await synthesizeFor("docker");
  }
}

/** Before anything boots: what cannot run is not waited for. */
export async function compare(run: Run, results: Results, task: Task): Promise<void> {
  const { signal } = run.options;
  const { files } = run.lab;
  const { documents } = results;
  const { shown = [] } = run.topology;
  const hosts = run.clients;
  const client = run.bootable().find(({ data }) => data.name === hosts[0].name);
  requireNeeds(documents, {
    ...{ shown, programs: Object.keys(client?.programs ?? {}), chroot: Object.keys(execChroot()) },
    clients: new Map(run.topology.datacenters.map((it) => [it.name, hostsOf(it, "client").length])),
    roots: hosts.flatMap(({ name }) => {
      const init = run.lab.initOf(name);
      return [join(files.host(name), "upper"), ...(init ? [`/proc/${init.pid}/root`] : [])];
    }),
  });
  const { needsDocker, images: needed } = needsOf(documents, run.envoyImage);
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
  run.topology = { ...run.topology, docker: true };
  results.docker = { dockerd, needed, sources, images: [] };
}
