import type { HostPackage } from "../host";
import { commandLine, quote } from "../shell";
import { type Architecture, checksumsOf, type ReleaseChecksums, type ReleasePackage } from "./checksums";

/** Base URL of releases on GitHub, unless a mirror is set. */
export const GITHUB = "https://github.com";

/** Packages of the distribution that the lines of this file need. */
export const releaseNeeds: readonly string[] = ["ca-certificates", "curl"];

export interface ReleaseOptions {
  /** Base URL of GitHub, or of a mirror of its release files with the same paths. */
  readonly github: string;
  /** Checksums that replace the known ones. */
  readonly checksums: Readonly<Partial<Record<ReleasePackage, ReleaseChecksums>>>;
}

/** Paths of the release files. */
const FILES: Readonly<Record<ReleasePackage, (version: string, architecture: Architecture) => string>> = {
  "cni-plugins": (version, architecture) =>
    `containernetworking/plugins/releases/download/v${version}/cni-plugins-linux-${architecture}-v${version}.tgz`,
  envoy: (version, architecture) =>
    `envoyproxy/envoy/releases/download/v${version}/envoy-${version}-linux-${{ amd64: "x86_64", arm64: "aarch_64" }[architecture]}`,
};

/** Returns bash functions that install release files. A file is unpacked only if its checksum is correct. */
export function releaseFunctions(packages: readonly HostPackage[], options: ReleaseOptions): string[] {
  const released = packages.filter(isReleased);
  return released.length === 0 ? [] : [RELEASE_FUNCTION, ...released.map((it) => installFunction(it, options))];
}

/** Returns shell lines that install these packages. They need {@link releaseFunctions}. */
export function releaseLines(packages: readonly HostPackage[]): string[] {
  return packages.filter(isReleased).map(({ name }) => functionOf(name));
}

const functionOf = (name: ReleasePackage) => `install_${name.replaceAll("-", "_")}`;

const RELEASE_FUNCTION = `release() { # <url> <sha256>
  fetch "$1" "$work/release" && matches "$2" "$work/release"
}`;

interface Released extends HostPackage {
  readonly name: ReleasePackage;
}

function isReleased(it: HostPackage): it is Released {
  return it.name in FILES;
}

function installFunction({ name, version, installTo }: Released, { github, checksums }: ReleaseOptions): string {
  const cases = Object.entries(checksumsOf(name, version, checksums[name])).map(([architecture, checksum]) => {
    const url = `${github}/${FILES[name](version, architecture as Architecture)}`;
    return `    ${architecture}) ${commandLine(["set", "--", url, checksum])} ;;`;
  });
  const probe = name === "envoy" ? `${installTo}/envoy` : `${installTo}/bridge`;
  const install =
    name === "envoy"
      ? `place "$work/release" ${quote(probe)}`
      : `tar --extract --gzip --no-same-owner --no-overwrite-dir --exclude=LICENSE --exclude=README.md \\
      --directory ${quote(installTo)} --file "$work/release"`;
  return `${functionOf(name)}() {
  case "$(dpkg --print-architecture)" in
${cases.join("\n")}
    *) echo "No checksum of ${name} ${version} is known for this architecture." >&2; return 1 ;;
  esac
  if ! ${commandLine(["is_there", name, version, probe])}; then
    attempt release "$@"
    ${install}
    ${commandLine(["note", name, version])}
  fi
}`;
}
