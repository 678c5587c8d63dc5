import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { HostRole } from "../../linux/compose-host";
import { HOST_TOOL } from "../../linux/host-tool/host-tool";
import { json } from "../../linux/json";

const PROGRAM = "/usr/local/lib/meshform/meshform-preemption";

/** Seconds between the notice of a preemption and the end of the machine, if no longer notice is set. */
const PREEMPTION_SECONDS = 30;

/**
 * Watches the metadata server, and has the host leave for good before it is preempted.
 *
 * @see https://cloud.google.com/compute/docs/instances/create-use-spot#detect-preemption
 */
export function preemptionNotice(): HostRole {
  return {
    files: [
      { path: PROGRAM, mode: "0755", content: readFileSync(join(__dirname, "meshform_preemption.py"), "utf8") },
      { path: "/etc/meshform/preemption.json", content: json({ tool: HOST_TOOL, seconds: PREEMPTION_SECONDS }) },
    ],
    units: [
      {
        name: "meshform-preemption",
        description: "Preemption of Spot VMs",
        command: [PROGRAM],
        // The machine shuts down meanwhile: this unit stops before the agents, and not before the host has left.
        after: ["consul", "nomad"],
        killMode: "process",
        stopSeconds: PREEMPTION_SECONDS,
        restartSeconds: 5,
      },
    ],
  };
}
