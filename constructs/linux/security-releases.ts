import { isAtLeast, versionLine } from "./version-number";
import type { Versions } from "./versions";

/** A release that fixed a vulnerability, and the release lines that got the fix. */
interface SecurityRelease {
  readonly name: "consul" | "nomad" | "envoy";
  /** The first version that is checked. @default all versions are checked */
  readonly from?: string;
  /** The first release of each line with the fix; `+ent` if only the Enterprise edition got it. Later lines also have the fix. */
  readonly fixedIn: readonly string[];
  /** The risk without the fix. */
  readonly risk: string;
}

/**
 * The sources are as of 25 November 2026. The list has only vulnerabilities of the programs themselves; fixes of their compilers,
 * images and documentation are omitted. If a version has no findings, no vulnerability is known here, but it may still have some.
 *
 * - Consul: CHANGELOG.md of v1.22.6; for CVE-2025-11374 and -11375 also GHSA-7g3r-8c6v-hfmr and GHSA-qh7p-pfq3-677h
 * - Nomad: CHANGELOG.md and CHANGELOG-unsupported.md of 21 August 2026, after 2.0.5
 * - Envoy: changelogs/1.38.4.yaml, and the release notes of v1.38.3; other lines are not checked
 *
 * @see https://discuss.hashicorp.com/c/security/52
 * @see https://github.com/envoyproxy/envoy/security/advisories
 */
const SECURITY_RELEASES: readonly SecurityRelease[] = [
  {
    name: "consul",
    fixedIn: ["1.20.1", "1.19.3+ent"],
    risk: "requests bypass L7 intentions with unusual paths and headers (CVE-2024-10005, CVE-2024-10006)",
  },
  {
    name: "consul",
    fixedIn: ["1.21.5"],
    risk: "parameters and keys in URLs bypass authentication, and the agent's group can read its TLS key (GH-22612, GH-22682, GH-22626)",
  },
  {
    name: "consul",
    fixedIn: ["1.22.0", "1.21.6+ent", "1.20.8+ent"],
    risk: "requests to the KV and event endpoints exhaust the agent (CVE-2025-11374, CVE-2025-11375)",
  },
  {
    name: "consul",
    fixedIn: ["1.22.5"],
    risk: "slow requests block the agent, and the Vault CA provider can read any file (GH-22739, GH-23249)",
  },
  {
    name: "nomad",
    fixedIn: ["1.9.2", "1.8.7+ent"],
    risk: "permission to write CSI volumes in one namespace allows it in others (CVE-2024-10975)",
  },
  {
    name: "nomad",
    fixedIn: ["1.9.6", "1.8.10+ent"],
    risk: "permission to read one namespace shows the events of all namespaces (CVE-2025-0937)",
  },
  {
    name: "nomad",
    fixedIn: ["1.9.7", "1.8.11+ent"],
    risk: "the API and the event stream disclose the OIDC client secret (CVE-2025-1296)",
  },
  {
    name: "nomad",
    fixedIn: ["1.10.2", "1.9.10+ent", "1.8.14+ent"],
    risk: "a job gets the permissions of another job whose ID has the same prefix (CVE-2025-4922)",
  },
  {
    name: "nomad",
    fixedIn: ["2.0.1", "1.11.5+ent", "1.10.11+ent"],
    risk: "`host-volume-create` runs any program on clients, and tasks redirect logs (CVE-2026-7474, CVE-2026-6959)",
  },
  {
    name: "nomad",
    fixedIn: ["2.0.4", "1.11.8+ent", "1.10.14+ent"],
    risk: "Docker tasks bypass limits on host namespaces and volumes (CVE-2026-14891, CVE-2026-14896)",
  },
  {
    name: "envoy",
    from: "1.38.0",
    fixedIn: ["1.38.3"],
    risk: "requests crash it or are smuggled, and a NUL in a certificate's name is ignored (CVE-2026-47221, CVE-2026-48743, CVE-2026-47778)",
  },
  {
    name: "envoy",
    from: "1.38.0",
    fixedIn: ["1.38.4"],
    risk: "paths with `;` bypass permissions, and HTTP/2 trailers crash it (CVE-2026-73511, CVE-2026-73551, CVE-2026-73553, CVE-2026-73513)",
  },
];

/** Security fixes that a version lacks. */
export interface SecurityGap {
  /** e.g. `consul 1.21.0 lacks the security releases 1.21.5 (…) and 1.22.0 (…).` */
  readonly problem: string;
  /** The version to use instead. */
  readonly fix: string;
}

/**
 * Returns the known security fixes that a set of versions lacks, one entry for each program.
 *
 * @param versions the known versions; programs that are absent are not checked
 *
 * @example
 * securityGaps({ nomad: "1.10.1" })[0].fix // "Use nomad 1.10.2 or newer. …"
 */
export function securityGaps(versions: Partial<Versions>): SecurityGap[] {
  const names = [...new Set(SECURITY_RELEASES.map(({ name }) => name))];
  return names.flatMap((name) => {
    const version = versions[name];
    if (version === undefined) return [];
    const missing = SECURITY_RELEASES.filter((release) => release.name === name && lacks(version, release));
    if (missing.length === 0) return [];
    const needed = missing.map((release) => ({ release, version: nearestFix(version, release) }));
    const newest = needed.map((it) => it.version).reduce((a, b) => (isAtLeast(a, b) ? a : b));
    return [
      {
        problem: `${name} ${version} lacks security fixes: ${needed.map((it) => `${it.version}, or ${it.release.risk}`).join("; ")}.`,
        fix: `Use ${name} ${newest} or newer.${elsewhere(version, newest, missing)}`,
      },
    ];
  });
}

function lacks(version: string, { from = "0", fixedIn }: SecurityRelease): boolean {
  if (!isAtLeast(version, from)) return false;
  const own = fixesFor(version, fixedIn);
  const inLine = own.find((fix) => versionLine(fix) === versionLine(version));
  return inLine === undefined ? !own.some((fix) => isLaterLine(version, fix)) : !isAtLeast(version, inLine);
}

/** The releases that are available for the edition of a version. */
function fixesFor(version: string, fixedIn: readonly string[]): string[] {
  return fixedIn.filter((fix) => !fix.endsWith("+ent") || version.includes("+ent"));
}

function isLaterLine(version: string, fix: string): boolean {
  return isAtLeast(`${versionLine(version)}.0`, fix) && versionLine(version) !== versionLine(fix);
}

/** Returns the fix in the version's own line if there is one. */
function nearestFix(version: string, { fixedIn }: SecurityRelease): string {
  const own = fixesFor(version, fixedIn);
  return own.find((fix) => versionLine(fix) === versionLine(version)) ?? own[0];
}

/** If the community edition gets a fix only in another line, the Enterprise edition may have it in this one. */
function elsewhere(version: string, newest: string, missing: readonly SecurityRelease[]): string {
  if (versionLine(newest) === versionLine(version) || version.includes("+ent")) return "";
  const inLine = missing.flatMap(({ fixedIn }) => fixedIn.filter((fix) => versionLine(fix) === versionLine(version)));
  const enterprise = inLine.filter((fix) => fix.endsWith("+ent")).at(-1);
  const only = enterprise === undefined ? "" : `, but for the Enterprise edition in ${enterprise}`;
  return ` Line ${versionLine(version)} did not get every fix${only}.`;
}
