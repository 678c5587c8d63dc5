import type { Construct } from "constructs";
import { addAlarm } from "./alarm";

/** Options of {@link addHealthAlarms}. */
export interface HealthAlarmsOptions {
  /** Name of the cluster. */
  readonly name: string;
  /** The namespace in which its servers put their metrics. */
  readonly namespace: string;
  readonly serverCount: number;
  /** Seconds between two snapshots. @default there are no snapshots */
  readonly snapshotSeconds?: number;
  readonly topicArn: string;
}

/** Agents renew their certificates 30 days before they expire, or client hosts 10 days before. */
const AGENT_DAYS = 7;
/** Time to plan `meshform-host rotate ca`. */
const CA_DAYS = 90;

/** Adds alarms for what the servers of a cluster measure themselves. Without a leader nothing is measured, which is an alarm too. */
export function addHealthAlarms(scope: Construct, options: HealthAlarmsOptions): void {
  const { name, namespace, serverCount, snapshotSeconds, topicArn } = options;
  for (const engine of ["consul", "nomad"]) {
    const atLeast = (serverCount - 1) / 2;
    addAlarm(scope, `${engine}-failure-tolerance-alarm`, {
      name: `${name}-${engine}-failure-tolerance`,
      description: `The servers of ${engine} have no leader, or would not survive the loss of ${atLeast} of them.`,
      ...{ namespace, metric: "FailureTolerance", dimensions: { Engine: engine } },
      ...{ atLeast, minutes: 5, topicArn },
    });
    if (snapshotSeconds !== undefined) {
      addAlarm(scope, `${engine}-snapshot-alarm`, {
        name: `${name}-${engine}-snapshot-age`,
        description: `The newest snapshot of ${engine} is too old, or the store has no snapshot.`,
        ...{ namespace, metric: "SnapshotAgeSeconds", dimensions: { Engine: engine } },
        // One may be missing: a new leader saves its first within the interval.
        ...{ atMost: 2 * snapshotSeconds + 600, minutes: 15, topicArn },
      });
    }
  }
  for (const [kind, atLeast, what] of [
    ["agent", AGENT_DAYS, "A certificate of a server expires soon: it is not renewed."],
    ["ca", CA_DAYS, "A CA of the agents expires soon: run meshform-host rotate ca."],
  ] as const) {
    addAlarm(scope, `${kind}-certificate-alarm`, {
      name: `${name}-${kind}-certificate-days`,
      description: what,
      ...{ namespace, metric: "CertificateDaysLeft", dimensions: { Kind: kind } },
      ...{ atLeast, minutes: 15, topicArn },
    });
  }
}
