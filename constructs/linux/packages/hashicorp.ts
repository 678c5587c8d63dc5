import type { HostPackage } from "../host";
import { commandLine, quote } from "../shell";

/** Where HashiCorp's packages come from. */
export interface HashicorpRepository {
  /** Address of the apt repository, or of a mirror of it. */
  readonly url: string;
  /** Fingerprint of the one key that signs it, in full; the key itself is at `<url>/gpg`. */
  readonly keyFingerprint: string;
}

/** @see https://www.hashicorp.com/trust/security */
export const HASHICORP_REPOSITORY: HashicorpRepository = {
  url: "https://apt.releases.hashicorp.com",
  keyFingerprint: "798AEC654E5C15428C8E42EEAA16FCBCA621E701",
};

export const hashicorpPackages: readonly HostPackage["name"][] = ["consul", "nomad", "consul-cni"];

/** What the lines of this part need of the distribution. */
export const hashicorpNeeds: readonly string[] = ["ca-certificates", "curl", "gpg"];

/**
 * Functions of bash that take programs out of HashiCorp's packages. The packages are not installed: with them would come a user, a
 * unit and a configuration, which makes a Nomad agent both server and client, in addition to those of the host.
 *
 * apt checks the packages against the repository's signature. It works with lists of its own, so that the host's remain as
 * they are and nobody else's lock is in the way.
 */
export function hashicorpFunctions({ url, keyFingerprint }: HashicorpRepository, codename: string): string {
  return `hashicorp_apt() {
  apt-get --quiet --yes \\
    --option Acquire::Retries=3 --option APT::Update::Error-Mode=any --option APT::Sandbox::User=root \\
    --option Dir::Etc::SourceList="$work/hashicorp.list" --option Dir::Etc::SourceParts=/dev/null \\
    --option Dir::State::Lists="$work/lists" --option Dir::Cache="$work/cache" "$@"
}
hashicorp_key() {
  fetch ${quote(`${url}/gpg`)} "$work/hashicorp.asc" || return 1
  local keys
  keys=$(gpg --homedir "$work" --batch --with-colons --show-keys "$work/hashicorp.asc" |
    awk -F: '$1 == "pub" { primary = 1 } $1 == "fpr" && primary { print $10; primary = 0 }')
  [ "$keys" = ${keyFingerprint} ] && return
  echo "The key of ${url} is $keys instead of ${keyFingerprint}." >&2
  return 1
}
hashicorp_package() { # <package>=<version>
  rm -rf "$work/package"
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/package"
  hashicorp_key &&
    echo "deb [signed-by=$work/hashicorp.asc] ${url} ${codename} main" > "$work/hashicorp.list" &&
    hashicorp_apt update &&
    (cd "$work/package" && hashicorp_apt download "$1")
}
hashicorp_program() { # <program> <package> <version> <folder>
  if is_there "$1" "$3" "$4/$1"; then return; fi
  attempt hashicorp_package "$2=$3-1"
  dpkg-deb --extract "$work/package"/*.deb "$work/package/root"
  place "$work/package/root/usr/bin/$1" "$4/$1"
  note "$1" "$3"
}`;
}

/** Shell lines that install programs of HashiCorp's, by means of {@link hashicorpFunctions}. */
export function hashicorpLines(packages: readonly HostPackage[]): string[] {
  return packages.map(({ name, version, installTo }) =>
    commandLine(["hashicorp_program", name, edition(name, version), version, installTo]),
  );
}

/** Enterprise builds are packages of another name. */
function edition(name: string, version: string): string {
  return version.includes("+ent") ? `${name}-enterprise` : name;
}
