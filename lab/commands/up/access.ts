import { findApp } from "../../app/app-source";
import { synthesizeApp } from "../../app/synthesize-app";
import { applyStacks } from "../../apply";
import { accessVariables } from "../../apply/access-variables";
import { sharePrometheusSecrets } from "../../cluster/prometheus-secrets";
import type { Run, Site } from "./run";
import { summary } from "./summary";

/**
 * What the platform team of a real cluster does once: policies, how workloads come by tokens, what Prometheus may show.
 *
 * @returns how much was changed, as text
 */
export async function applyAccess(
  run: Run,
  sites: readonly Site[],
  onProgress: (line: string) => void,
): Promise<string> {
  const { files } = run.lab;
  const app = findApp(require.resolve("../../../stacks/access-app"));
  const applied = await run.atEach(sites, async ({ datacenter: { name, primary }, cluster }) => {
    const outDir = files.access(name);
    const federation = primary && { consulDatacenter: name, consulPrimaryDatacenter: primary.name };
    await synthesizeApp(app, outDir, { lab: files.name, signal: run.options.signal, federation });
    await sharePrometheusSecrets(cluster, files);
    return applyStacks({
      outDir,
      stateDir: files.accessApplied(name),
      endpoints: cluster.endpoints,
      ...(primary && { datacenters: { [name]: cluster.endpoints } }),
      engine: run.options.engine,
      variables: accessVariables(run.lab.credentialsOf(name)?.nomadCa ?? ""),
      onProgress,
      signal: run.options.signal,
    });
  });
  return summary(...applied);
}
