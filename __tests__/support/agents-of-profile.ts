import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyStacks } from "../../lab/apply";
import type { Engines } from "../../lab/machine/engines/engine";
import { AccessStack } from "../../stacks/access-stack";
import { startDevAgents, type DevAgents } from "./dev-agents";
import { IS_SECURE } from "./profile";
import { startSecureAgents } from "./secure-agents";
import { testApp } from "./test-app";

/**
 * Consul and Nomad without hosts: in their development modes, or with access control that denies by default and the access rules of
 * secure hosts.
 *
 * @param nomadConfig what else Nomad is configured with
 */
export async function startAgents(
  engines: Pick<Engines, "consul" | "nomad">,
  nomadConfig: Readonly<Record<string, unknown>>,
): Promise<DevAgents> {
  if (!IS_SECURE) return startDevAgents(engines, nomadConfig);
  const agents = await startSecureAgents(engines, nomadConfig);
  const stateDir = mkdtempSync(join(tmpdir(), "meshform-access-"));
  try {
    const app = testApp();
    new AccessStack(app, "access");
    app.synth();
    await applyStacks({
      ...{ outDir: app.outdir, stateDir, endpoints: agents.endpoints, engine: "offline", onProgress: () => undefined },
      variables: { nomad_jwks_url: agents.jwksUrl, nomad_ca_certificate: readFileSync(agents.caFile, "utf8") },
    });
  } catch (error) {
    await agents.stop();
    throw error;
  } finally {
    rmSync(stateDir, { recursive: true });
  }
  return agents;
}
