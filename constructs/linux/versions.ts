import { isAtLeast, versionLine } from "./version-number";

/** Exact versions of the programs of a mesh, e.g. `1.21.0`. */
export interface Versions {
  /** Consul servers and clients. */
  readonly consul: string;
  /** Nomad servers and clients. */
  readonly nomad: string;
  /** Envoy on hosts without Docker. With Docker, the image of {@link Sidecar.docker} is used. */
  readonly envoy: string;
  /** The CNI plugins, for bridge networks. */
  readonly cni: string;
  /** The consul-cni plugin, for transparent proxy. */
  readonly consulCni: string;
  /** Vault servers. */
  readonly vault: string;
}

/**
 * Compatible versions, which the hosts of a cluster use by default. Those of Consul, Nomad and the CNI plugins are the newest of
 * their lines that are published for everyone, as of November 2026: later releases of Consul 1.21 and Nomad 1.11 exist only for
 * Enterprise. The newest release of Envoy 1.38 is 1.38.9, but 1.38.3 is the newest whose checksums Meshform knows.
 *
 * The lab uses the same versions, except for Consul and Vault, of which it builds versions that can be built from source.
 */
export const DEFAULT_VERSIONS: Versions = {
  consul: "1.21.5",
  nomad: "1.11.3",
  envoy: "1.38.3",
  cni: "1.9.1",
  consulCni: "1.8.8",
  vault: "1.21.4",
};

type LineTable = Readonly<Partial<Record<string, readonly string[]>>>;

/**
 * The lines of Envoy that the latest patch release of each line of Consul supports.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/proxy/envoy#supported-versions
 */
const ENVOY_FOR_CONSUL: LineTable = {
  "1.22": ["1.33", "1.34", "1.35", "1.37", "1.38"],
  "1.21": ["1.31", "1.32", "1.33", "1.34", "1.35", "1.37", "1.38"],
  "1.20": ["1.30", "1.31", "1.32", "1.33"],
  "1.19": ["1.26", "1.27", "1.28", "1.29"],
};

/**
 * The lines of Consul that each line of Nomad supports.
 *
 * @see https://developer.hashicorp.com/nomad/docs/networking/consul
 */
const CONSUL_FOR_NOMAD: LineTable = {
  "1.11": ["1.19", "1.20", "1.21", "1.22"],
  "1.10": ["1.19", "1.20", "1.21", "1.22"],
  "1.9": ["1.19", "1.20", "1.21", "1.22"],
  "1.8": ["1.19", "1.20", "1.21", "1.22"],
};

/**
 * The lines of consul-cni for each line of Consul. consul-cni is released with Consul on Kubernetes.
 *
 * @see https://developer.hashicorp.com/consul/docs/k8s/compatibility
 */
const CONSUL_CNI_FOR_CONSUL: LineTable = {
  "1.22": ["1.9"],
  "1.21": ["1.7", "1.8"],
  "1.20": ["1.6", "1.7"],
  "1.19": ["1.5"],
};

/** Releases with a defect that affects service meshes, from one version until before another, and the version to use instead. */
const DEFECTIVE: readonly { name: keyof Versions; from: string; before: string; use: string; defect: string }[] = [
  {
    name: "consul",
    from: "1.16.0",
    before: "1.16.2",
    use: "1.16.2",
    defect: "restoring a snapshot corrupts endpoints",
  },
  { name: "consul", from: "1.22.4", before: "1.22.5", use: "1.22.5", defect: "HashiCorp has withdrawn it" },
  { name: "consul", from: "1.15.0", before: "1.15.2", use: "1.15.2", defect: "leaf certificates are not rotated" },
  { name: "nomad", from: "1.9.2", before: "1.9.3", use: "1.9.3", defect: "restoring a snapshot can lose state" },
  { name: "nomad", from: "0", before: "1.9.2", use: "1.9.3", defect: "its raw_exec driver has no work_dir, for Envoy" },
  {
    name: "cni",
    from: "0",
    before: "1.2.0",
    use: "1.2.0",
    defect: "Nomad needs 1.2.0 to restore the networks of its allocations after a reboot",
  },
];

/**
 * Returns the known problems of a set of versions as sentences, or nothing if they are known to work together. These are
 * warnings: a combination that is not in the tables may also work.
 *
 * @param versions the known versions; programs that are absent are not checked
 */
export function checkVersions(versions: Partial<Versions>): string[] {
  const { consul, nomad, envoy, consulCni } = versions;
  const pairs = [
    pairWarning("Consul", consul, "Envoy", envoy, ENVOY_FOR_CONSUL),
    pairWarning("Nomad", nomad, "Consul", consul, CONSUL_FOR_NOMAD),
    pairWarning("Consul", consul, "consul-cni", consulCni, CONSUL_CNI_FOR_CONSUL),
  ];
  const defects = DEFECTIVE.map(({ name, from, before, use, defect }) => {
    const version = versions[name];
    const affected = version !== undefined && isAtLeast(version, from) && !isAtLeast(version, before);
    return affected ? `${name} ${version} should be avoided: ${defect}. Use ${use} or newer.` : undefined;
  });
  return [...pairs, ...defects].filter((warning) => warning !== undefined);
}

function pairWarning(
  name: string,
  version: string | undefined,
  partner: string,
  partnerVersion: string | undefined,
  table: LineTable,
): string | undefined {
  if (version === undefined || partnerVersion === undefined) return undefined;
  const lines = table[versionLine(version)];
  if (lines === undefined) {
    return `${name} ${version} is not one of the known release lines (${Object.keys(table).join(", ")}).`;
  }
  if (lines.includes(versionLine(partnerVersion))) return undefined;
  return `${name} ${version} is not known to work with ${partner} ${partnerVersion}. It works with ${lines.join(", ")}.`;
}
