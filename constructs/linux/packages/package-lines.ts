import { CODENAMES, type Distribution } from "../distribution";
import type { HostData } from "../host";
import type { ReleaseChecksums, ReleasePackage } from "./checksums";
import {
  HASHICORP_REPOSITORY,
  hashicorpFunctions,
  hashicorpLines,
  hashicorpNeeds,
  hashicorpPackages,
  type HashicorpRepository,
} from "./hashicorp";
import { GITHUB, releaseFunctions, releaseLines, releaseNeeds } from "./releases";
import { SYSTEM_FUNCTIONS, systemPackageLines } from "./system";

/** The sources of a host's packages. */
export interface PackageOptions {
  /** Distribution of the machine's image. It determines the apt repository. */
  readonly distribution: Distribution;
  /**
   * SHA-256 of the release files of versions that Meshform does not know. Only the architectures of the group's machines are
   * needed.
   * @default the checksums that Meshform knows
   */
  readonly checksums?: Readonly<Partial<Record<ReleasePackage, ReleaseChecksums>>>;
  /** HashiCorp's apt repository or a mirror. @default https://apt.releases.hashicorp.com, with its published key */
  readonly hashicorp?: HashicorpRepository;
  /** Base URL of GitHub's release files, or of a mirror with the same paths. @default "https://github.com" */
  readonly github?: string;
}

/**
 * The parts of a bash script that installs the exact versions of a host's packages. Packages that are already installed need no
 * network.
 */
export interface PackageScript {
  /** Packages of the distribution that must be installed first. */
  readonly needs: readonly string[];
  /** Functions that `lines` call, in addition to {@link FETCH_FUNCTIONS}. */
  readonly functions: readonly string[];
  readonly lines: readonly string[];
}

/**
 * @throws ValueError if the checksum of a release is unknown
 */
export function packageScript(host: HostData, options: PackageOptions): PackageScript {
  const hashicorp = host.packages.filter(({ name }) => hashicorpPackages.includes(name));
  const released = host.packages.filter(({ name }) => !hashicorpPackages.includes(name));
  const needs = [
    ...(hashicorp.length > 0 ? hashicorpNeeds : []),
    ...(released.length > 0 ? releaseNeeds : []),
    ...host.systemPackages,
  ];
  const repository = options.hashicorp ?? HASHICORP_REPOSITORY;
  return {
    needs: [...new Set(needs)],
    functions: [
      ...(host.packages.length > 0 ? [PLACE_FUNCTIONS] : []),
      ...(hashicorp.length > 0 ? [hashicorpFunctions(repository, CODENAMES[options.distribution])] : []),
      ...releaseFunctions(released, { github: options.github ?? GITHUB, checksums: options.checksums ?? {} }),
    ],
    lines: [...systemPackageLines([...new Set(needs)]), ...hashicorpLines(hashicorp), ...releaseLines(released)],
  };
}

/** Functions that fetch files and packages, including those of the distribution. */
export const FETCH_FUNCTIONS = `work=$(mktemp -d /var/tmp/meshform.XXXXXX)
trap 'rm -rf "$work"' EXIT
attempt() { # <command…>: five times, with longer and longer pauses
  local tries=0
  until "$@"; do
    tries=$((tries + 1))
    if [ "$tries" -ge 5 ]; then
      echo "Given up after $tries attempts: $*" >&2
      return 1
    fi
    sleep $((tries * 5))
  done
}
fetch() { # <url> <file>
  curl --fail --silent --show-error --location --connect-timeout 10 --max-time 600 --output "$2" "$1"
}
matches() { # <sha256> <file>
  echo "$1  $2" | sha256sum --check --quiet
}
${SYSTEM_FUNCTIONS}`;

const PLACE_FUNCTIONS = `notes=/var/lib/meshform/packages
is_there() { # <package> <version> <its program>
  [ -x "$3" ] && [ "$(cat "$notes/$1" 2>/dev/null)" = "$2" ]
}
place() { # <file> <program>: a process may be running the old one
  install -m 0755 "$1" "$2.new"
  mv -f "$2.new" "$2"
}
note() { # <package> <version>
  mkdir -p "$notes"
  echo "$2" > "$notes/$1"
}`;
