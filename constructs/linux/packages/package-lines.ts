import { CODENAMES, type Distribution } from "../distribution";
import type { HostData } from "../host";
import type { ReleaseChecksums, ReleasePackage } from "./checksums";
import {
  HASHICORP_REPOSITORY,
  hashicorpLines,
  hashicorpNeeds,
  hashicorpPackages,
  type HashicorpRepository,
} from "./hashicorp";
import { GITHUB, releaseLines, releaseNeeds } from "./releases";
import { systemPackageLines } from "./system";

/** Where the packages of a host come from. */
export interface PackageOptions {
  /** Distribution of the machine's image; it decides which apt repository is used. */
  readonly distribution: Distribution;
  /**
   * SHA-256 of release files, for versions of which none is known here. Only the architectures of the group's machines are
   * needed.
   * @default the checksums of this library
   */
  readonly checksums?: Readonly<Partial<Record<ReleasePackage, ReleaseChecksums>>>;
  /** HashiCorp's apt repository, or a mirror of it. @default https://apt.releases.hashicorp.com, with its published key */
  readonly hashicorp?: HashicorpRepository;
  /** Where GitHub's release files are found under their own paths, for a mirror. @default "https://github.com" */
  readonly github?: string;
}

/**
 * Lines of a bash script that bring the packages of a host to exactly their versions. What is there already needs no network.
 *
 * @param otherNeeds packages of the distribution that other parts of the script need
 * @throws ValueError if no checksum is known of a release
 */
export function packageLines(host: HostData, options: PackageOptions, otherNeeds: readonly string[]): string[] {
  const hashicorp = host.packages.filter(({ name }) => hashicorpPackages.includes(name));
  const released = host.packages.filter(({ name }) => !hashicorpPackages.includes(name));
  const needs = [
    ...(hashicorp.length > 0 ? hashicorpNeeds : []),
    ...(released.length > 0 ? releaseNeeds : []),
    ...otherNeeds,
    ...host.systemPackages,
  ];
  if (needs.length === 0) return [];
  const codename = CODENAMES[options.distribution];
  return [
    helpers,
    ...systemPackageLines([...new Set(needs)]),
    ...hashicorpLines(hashicorp, options.hashicorp ?? HASHICORP_REPOSITORY, codename),
    ...releaseLines(released, { github: options.github ?? GITHUB, checksums: options.checksums ?? {} }),
  ];
}

const helpers = `work=$(mktemp -d /var/tmp/meshform.XXXXXX)
trap 'rm -rf "$work"' EXIT
notes=/var/lib/meshform/packages
mkdir -p "$notes"
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
is_there() { # <package> <version> <its program>
  [ -x "$3" ] && [ "$(cat "$notes/$1" 2>/dev/null)" = "$2" ]
}
place() { # <file> <program>: a process may be running the old one
  install -m 0755 "$1" "$2.new"
  mv -f "$2.new" "$2"
}
note() { # <package> <version>
  echo "$2" > "$notes/$1"
}`;
