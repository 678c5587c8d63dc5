import { waitFor } from "../core/wait";
import { EngineRefusal } from "../cluster/engine-api";
import { nomadJob } from "./nomad-job";
import { type ApplyContext, block, type Fields, type ResourceType, withoutVolatile } from "./resource-type";

/** Objects which Nomad knows by their name. */
function named(path: (name: string) => string, fields: Fields, required: readonly string[] = ["name"]): ResourceType {
  return {
    fields,
    required,
    identity: ({ Name }) => ({ Name: Name as string }),
    read: async ({ nomad }, { Name }) => withoutVolatile(await nomad.get(path(encodeURIComponent(Name)))),
    write: ({ nomad }, body, _, { Name }) => nomad.put(path(encodeURIComponent(Name)), body),
    remove: (context, { Name }) => removeReleased(context, Name, path(encodeURIComponent(Name))),
    attributes: ({ Name }) => ({ id: Name }),
  };
}

const jobAcl: Fields = { namespace: "Namespace", job_id: "JobID", group: "Group", task: "Task" };

const capabilities: Fields = {
  enabled_task_drivers: "EnabledTaskDrivers",
  disabled_task_drivers: "DisabledTaskDrivers",
  enabled_network_modes: "EnabledNetworkModes",
  disabled_network_modes: "DisabledNetworkModes",
};

export const nomadResources: Readonly<Record<string, ResourceType>> = {
  nomad_job: nomadJob,
  nomad_acl_policy: named(
    (name) => `/v1/acl/policy/${name}`,
    {
      name: "Name",
      description: "Description",
      rules_hcl: "Rules",
      job_acl: {
        to: "JobACL",
        from: (value) => ({ Namespace: "default", ...(block("JobACL", jobAcl).from(value) as object) }),
      },
    },
    ["name", "rules_hcl"],
  ),
  // No construct makes one, but jobs name theirs, and a lab has no platform team that would.
  nomad_namespace: named((name) => `/v1/namespace/${name}`, {
    name: "Name",
    description: "Description",
    meta: "Meta",
    capabilities: block("Capabilities", capabilities),
  }),
};

/** How long a namespace may be held by jobs that are just ending, in milliseconds: as long as the provider waits. */
const releaseMs = 50_000;

async function removeReleased({ nomad, say, signal }: ApplyContext, name: string, path: string): Promise<void> {
  try {
    await nomad.delete(path);
  } catch (error) {
    if (!(error instanceof EngineRefusal && /non-terminal/.test(error.words))) throw error;
    say(`${name} is still in use: ${error.words}`);
    await waitFor(`nothing to use ${name}`, () => nomad.delete(path).then(() => true), {
      timeoutMs: releaseMs,
      intervalMs: 500,
      signal,
      fix: "Stop the objects that use it, then try again.",
    });
  }
}
