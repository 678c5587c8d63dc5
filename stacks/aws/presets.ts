/** `dev` is for tests, `production` for clusters that must survive failures. */
export type AwsPreset = "dev" | "production";

/** The settings that a preset sets. */
export interface PresetSettings {
  /** How many availability zones, from 1 to 3. */
  readonly zones: number;
  /** How many servers. */
  readonly serverCount: 1 | 3 | 5;
  /** The servers' instance type. */
  readonly serverType: string;
  /** The clients' instance type. */
  readonly clientType: string;
  /** The minimum number of clients. */
  readonly minClients: number;
  /** The maximum number of clients. If it exceeds `minClients`, the number follows the CPU load. */
  readonly maxClients: number;
  /** Whether a plan that would destroy resources that cannot be created again fails. */
  readonly deletionProtection: boolean;
}

/** The settings of each preset. */
export const PRESETS: Readonly<Record<AwsPreset, PresetSettings>> = {
  // One of everything, which `destroy` removes without a trace.
  dev: {
    zones: 1,
    serverCount: 1,
    serverType: "t4g.small",
    clientType: "t4g.medium",
    minClients: 1,
    maxClients: 1,
    deletionProtection: false,
  },
  // Survives the loss of a zone.
  production: {
    zones: 3,
    serverCount: 3,
    serverType: "m7g.large",
    clientType: "m7g.large",
    minClients: 3,
    maxClients: 9,
    deletionProtection: true,
  },
};
