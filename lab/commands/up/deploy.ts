import { renameSync, rmSync } from "node:fs";
import { findApp } from "../../app/app-source";
import { synthesizeApp } from "../../app/synthesize-app";
import { applyStacks, type ApplyResult } from "../../apply";
import { sharePrometheusSecrets } from "../../cluster/prometheus-secrets";
import { restartTasks } from "../restart-tasks";
import type { Run, Results, Task } from "./run";

/** What the platform team of a real cluster does once: policies, how workloads come by tokens, what Prometheus may show. */
export async function applyAccess(run: Run, results: Results, task: Task): Promise<void> {
  const { files } = run.lab;
  const outDir = files.access;
  await synthesizeApp(findApp(require.resolve("../../../stacks/access-app")), outDir, run.options.signal);
  const applied = await run.atEach(results.sites, async ({ datacenter: { name }, cluster }) => {
    await sharePrometheusSecrets(cluster, files);
    return applyStacks({
      outDir,
      stateDir: files.accessApplied(name),
      endpoints: cluster.endpoints,
      engine: run.options.engine,
      variables: {
        // Consul's and Nomad's servers share their hosts.
        nomad_jwks_url: "https://127.0.0.1:4646/.well-known/jwks.json",
        nomad_ca_certificate: run.lab.credentialsOf(name)?.nomadCa ?? "",
      },
      onProgress: (line) => (task.output = line),
      signal: run.options.signal,
    });
  });
  task.title = `Apply the access rules${summary(...applied)}`;
}

/** Applies the stacks of the app, and restarts tasks whose images have changed. */
export async function deploy(run: Run, results: Results, task: Task): Promise<void> {
  const { files } = run.lab;
  run.appliedAt = Date.now();
  rmSync(files.synthesized, { recursive: true, force: true });
  renameSync(files.incoming, files.synthesized);
  const { sites } = results;
  results.applied = await applyStacks({
    outDir: files.synthesized,
    stateDir: files.applied,
    endpoints: sites[0].cluster.endpoints,
    datacenters: Object.fromEntries(sites.map(({ datacenter, cluster }) => [datacenter.name, cluster.endpoints])),
    engine: run.options.engine,
    onProgress: (line) => (task.output = line),
    signal: run.options.signal,
  });
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

/** ` (offline): 2 created, 4 unchanged` */
function summary(...results: readonly ApplyResult[]): string {
  const changes = (["created", "updated", "deleted", "unchanged"] as const).flatMap((what) => {
    const count = results.flatMap((result) => result[what]).length;
    return count > 0 ? [`${count} ${what}`] : [];
  });
  return ` (${results[0].engine}): ${changes.join(", ")}`;
}
