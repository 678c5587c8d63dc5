import { ValueError } from "../../core/errors";

/** Processor architectures, by their names in Debian and Ubuntu. */
export type Architecture = "amd64" | "arm64";

/** Packages that are downloaded as a file of a release, which is not signed. */
export type ReleasePackage = "cni-plugins" | "envoy";

/** SHA-256 of the release file for each architecture, in hexadecimal. */
export type ReleaseChecksums = Readonly<Partial<Record<Architecture, string>>>;

/** The checksums that were published with the releases. */
const KNOWN: Readonly<Record<ReleasePackage, Readonly<Partial<Record<string, ReleaseChecksums>>>>> = {
  "cni-plugins": {
    "1.9.1": {
      amd64: "b98f74a0f8522f0a83867178729c1aa70f2158f90c45a2ca8fa791db1c76b303",
      arm64: "56171987d3947707c3563db2f4001bccaf50fd63468611b9f3cbecb1375ee7ec",
    },
    "1.8.0": {
      amd64: "ab3bda535f9d90766cccc90d3dddb5482003dd744d7f22bcf98186bf8eea8be6",
      arm64: "57ce466fc3b79db1f19b8f4c63e07a1112306efa53c94fe810a2150dd9e07ddb",
    },
    "1.7.1": {
      amd64: "1a28a0506bfe5bcdc981caf1a49eeab7e72da8321f1119b7be85f22621013098",
      arm64: "119fcb508d1ac2149e49a550752f9cd64d023a1d70e189b59c476e4d2bf7c497",
    },
    "1.6.2": {
      amd64: "b8e811578fb66023f90d2e238d80cec3bdfca4b44049af74c374d4fae0f9c090",
      arm64: "01e0e22acc7f7004e4588c1fe1871cc86d7ab562cd858e1761c4641d89ebfaa4",
    },
  },
  envoy: {
    "1.38.3": {
      amd64: "affffb8d08a14fdc375b1f7dd8d0f3004eacdf51ce07f5636d7e168a01c6b373",
      arm64: "eff9766ce1a7af71c38a6d4587367621753049ae3df1bde5b6b9e695752f3167",
    },
  },
};

/**
 * Returns the checksums of a release: those that the user sets, or the known ones.
 *
 * @throws ValueError if the checksum of the release is unknown, or if a checksum is not a SHA-256
 */
export function checksumsOf(name: ReleasePackage, version: string, given?: ReleaseChecksums): ReleaseChecksums {
  const checksums = given ?? KNOWN[name][version];
  if (checksums === undefined || Object.keys(checksums).length === 0) {
    throw new ValueError(
      `The checksum of ${name} ${version} is unknown. Known versions: ${Object.keys(KNOWN[name]).join(", ")}.`,
      `Set the SHA-256 of the release: checksums: { "${name}": { amd64: "…", arm64: "…" } }.`,
    );
  }
  for (const [architecture, checksum] of Object.entries(checksums)) {
    if (!/^[0-9a-f]{64}$/.test(checksum)) {
      throw new ValueError(
        `The checksum of ${name} ${version} for ${architecture} is "${checksum}".`,
        `Use its SHA-256: 64 lower-case hexadecimal digits.`,
      );
    }
  }
  return checksums;
}
