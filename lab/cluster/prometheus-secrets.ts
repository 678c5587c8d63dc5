import { readFileSync } from "node:fs";
import type { Cluster } from "./cluster";
import type { LabFiles } from "../core/lab-files";

/** Where a job of this name, and no other, may read. */
const variable = "nomad/jobs/prometheus";

/**
 * Puts what the secret store of a secure datacenter holds for Prometheus where its job may read it, as the people who run a real
 * cluster do: see `secureAgents`.
 */
export async function sharePrometheusSecrets({ datacenter, nomad }: Cluster, files: LabFiles): Promise<void> {
  const secrets = readFileSync(files.secret(datacenter, "prometheus"), "utf8");
  const known = (await nomad.get(`/v1/var/${variable}`)) as { Items: Readonly<Record<string, string>> } | undefined;
  if (known?.Items.secrets === secrets) return;
  await nomad.put(`/v1/var/${variable}`, { Path: variable, Items: { ...known?.Items, secrets } });
}
