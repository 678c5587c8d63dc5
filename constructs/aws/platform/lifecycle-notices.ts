import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { HostRole } from "../../linux/compose-host";
import { HOST_TOOL } from "../../linux/host-tool/host-tool";
import { json } from "../../linux/json";

/** A hook of an Auto Scaling group: what it waits for at a machine, and for how long. */
export interface LifecycleHook {
  /** Its name in the group. */
  readonly name: string;
  /** When the group waits. */
  readonly transition: "autoscaling:EC2_INSTANCE_LAUNCHING" | "autoscaling:EC2_INSTANCE_TERMINATING";
  /** What the group does with the machine when the time is over. */
  readonly defaultResult: "ABANDON" | "CONTINUE";
  /** How long the group waits (`heartbeat_timeout`). */
  readonly seconds: number;
}

/**
 * The hooks of an Auto Scaling group that the hosts complete. A change of a hook replaces the group, so these are constants: `seconds` is how
 * long each may take (`heartbeat_timeout`). A host that does not become ready in time is given up, and one that does not manage to leave is
 * terminated all the same.
 *
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
 */
export const LIFECYCLE_HOOKS: Readonly<Record<"launch" | "terminate", LifecycleHook>> = {
  launch: {
    name: "meshform-ready",
    transition: "autoscaling:EC2_INSTANCE_LAUNCHING",
    defaultResult: "ABANDON",
    seconds: 900,
  },
  terminate: {
    name: "meshform-leave",
    transition: "autoscaling:EC2_INSTANCE_TERMINATING",
    defaultResult: "CONTINUE",
    seconds: 900,
  },
};

const PROGRAM = "/usr/local/lib/meshform/meshform-notices";

/** Watches the instance metadata, has the host become ready or leave, and completes the hooks. */
export function lifecycleNotices(): HostRole {
  const { launch, terminate } = LIFECYCLE_HOOKS;
  const hooks = {
    launch: { name: launch.name, seconds: launch.seconds },
    terminate: { name: terminate.name, seconds: terminate.seconds },
  };
  return {
    systemPackages: ["python3-boto3"],
    files: [
      { path: PROGRAM, mode: "0755", content: readFileSync(join(__dirname, "meshform_notices.py"), "utf8") },
      { path: "/etc/meshform/notices.json", content: json({ tool: HOST_TOOL, everySeconds: 5, hooks }) },
    ],
    units: [
      {
        name: "meshform-notices",
        description: "Lifecycle notices of EC2",
        command: [PROGRAM],
        // To leave it must be running, whatever the agents do.
        restartSeconds: 5,
      },
    ],
  };
}
