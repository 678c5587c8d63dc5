import { renameSync, rmSync } from "node:fs";
import { applyStacks } from "../../apply";
import { restartTasks } from "../restart-tasks";
import { federationStart } from "./federate";
import type { Run, Results, Task } from "./run";
import { summary } from "./summary";

/** Applies the stacks of the app, and restarts tasks whose images have changed. */
export async function deploy(run: Run, results: Results, task: Task): Promise<void> {
  const { files } = run.lab;
  run.appliedAt = Date.now();
  rmSync(files.synthesized, { recursive: true, force: true });
  renameSync(files.incoming, files.synthesized);
  const { sites } = results;
  const start = federationStart(run, sites, (line) => (task.output = line));
  await start?.early();
  results.applied = await applyStacks({
    outDir: files.synthesized,
    stateDir: files.applied,
    endpoints: sites[0].cluster.endpoints,
    datacenters: Object.fromEntries(sites.map(({ datacenter, cluster }) => [datacenter.name, cluster.endpoints])),
    engine: run.options.engine,
    beforeStack: start?.beforeStack,
    onProgress: (line) => (task.output = line),
    signal: run.options.signal,
  });
  await start?.now();
  task.title = `Apply the stacks${summary(results.applied)}`;
  const replaced = (results.docker?.images ?? []).filter(({ replaces }) => replaces).map(({ name }) => name);
  if (replaced.length === 0) return;
  task.output = `restarts the tasks with ${replaced.join(", ")}`;
  const { documents } = results;
  await run.atEach(sites, ({ datacenter: { name }, cluster }, index) =>
    restartTasks(
      cluster,
      documents.filter(({ datacenter }) => (datacenter === undefined ? index === 0 : datacenter === name)),
      new Set(replaced),
      results.loadedAt ?? 0,
    ),
  );
}
