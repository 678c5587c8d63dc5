import type { CloudStore } from "../platform";

/**
 * A directory that only root may enter (mode 0700), as the lab has one. Each document is in a folder of its own: the hosts
 * with a server agent share the whole directory, any other host its folder `client` and no more.
 */
export interface DirectorySecretStore {
  /** Tells it from a store of a cloud. */
  readonly type: "directory";
  /** Absolute path on each host. A host that is no server has `<path>/client` there. */
  readonly path: string;
}

/** Where a cluster keeps its secrets: a directory, or what the platform of its hosts has. */
export type SecretStore = DirectorySecretStore | CloudStore;

/**
 * Who reads a secret store: a host with a server agent, any other host, Prometheus, a person, or who applies access rules with
 * the management tokens.
 */
export type SecretReader = "server" | "client" | "prometheus" | "operator" | "management";

/** The documents of a secret store. */
export const SECRET_DOCUMENTS = ["cluster", "client", "operator", "management", "prometheus"] as const;
/** One of the documents of a secret store. */
export type SecretDocument = (typeof SECRET_DOCUMENTS)[number];
