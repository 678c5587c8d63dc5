import type { HostPackage } from "../host";
import { commandLine, quote } from "../shell";

/** The source of HashiCorp's packages. */
export interface HashicorpRepository {
  /** URL of the apt repository or of a mirror. */
  readonly url: string;
  /** Full fingerprint of the key that signs the repository. The key is downloaded from `<url>/gpg`. */
  readonly keyFingerprint: string;
}

/** @see https://www.hashicorp.com/trust/security */
export const HASHICORP_REPOSITORY: HashicorpRepository = {
  url: "https://apt.releases.hashicorp.com",
  keyFingerprint: "798AEC654E5C15428C8E42EEAA16FCBCA621E701",
};

export const hashicorpPackages: readonly HostPackage["name"][] = ["consul", "nomad", "vault", "consul-cni"];

/** Packages of the distribution that the lines of this file need. */
export const hashicorpNeeds: readonly string[] = ["ca-certificates", "curl", "gpg"];

/**
 * Returns bash functions that extract programs from HashiCorp's packages. The packages are not installed, because this would add
 * their own user, unit and configuration to those of the host. Their configuration makes a Nomad agent both server and client.
 *
 * Most programs are in /usr/bin of their package, a CNI plugin may be in /opt/cni/bin. apt verifies the packages with the repository's signature. It uses separate package lists, so that those of the host do not
 * change and no other apt process blocks it.
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
  place "$(find "$work/package/root" -type f -path "*/bin/$1")" "$4/$1"
  note "$1" "$3"
}`;
}

/** Returns shell lines that install programs of HashiCorp. They need {@link hashicorpFunctions}. */
export function hashicorpLines(packages: readonly HostPackage[]): string[] {
  return packages.map(({ name, version, installTo }) =>
    commandLine(["hashicorp_program", name, edition(name, version), version, installTo]),
  );
}

/** Enterprise builds have separate packages. */
function edition(name: string, version: string): string {
  return version.includes("+ent") ? `${name}-enterprise` : name;
}
