import { findApp } from "../../app/app-source";
import { synthesizeApp } from "../../app/synthesize-app";
import { applyStacks } from "../../apply";
import { sharePrometheusSecrets } from "../../cluster/prometheus-secrets";
import type { Run, Site, Task } from "./run";
import { summary } from "./summary";

/** What the platform team of a real cluster does once: policies, how workloads come by tokens, what Prometheus may show. */
export async function applyAccess(
  run: Run,
  sites: readonly Site[],
  task: Pick<Task, "output" | "title">,
): Promise<void> {
  const { files } = run.lab;
  const outDir = files.access;
  await synthesizeApp(findApp(require.resolve("../../../stacks/access-app")), outDir, run.options.signal);
  const applied = await run.atEach(sites, async ({ datacenter: { name }, cluster }) => {
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
