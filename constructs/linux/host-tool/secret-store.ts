import type { CloudStore } from "../platform";

/**
 * A directory that only root can access (mode 0700), as in the lab. Each document has its own subdirectory. Hosts with a server
 * agent share the whole directory; all other hosts share only its subdirectory `client`.
 */
export interface DirectorySecretStore {
  /** Distinguishes it from a store of a cloud. */
  readonly type: "directory";
  /** Absolute path on each host. A host without servers has only `<path>/client`. */
  readonly path: string;
}

/** A store for the secrets of a cluster: a directory, or a store that the platform of its hosts supports. */
export type SecretStore = DirectorySecretStore | CloudStore;

/**
 * A reader of a secret store: a host with a server agent, any other host, Prometheus, a person, or a person or pipeline that
 * applies access rules with the management tokens.
 */
export type SecretReader = "server" | "client" | "prometheus" | "operator" | "management";

/** The documents of a secret store. */
export const SECRET_DOCUMENTS = ["cluster", "client", "operator", "management", "prometheus"] as const;
/** One of the documents of a secret store. */
export type SecretDocument = (typeof SECRET_DOCUMENTS)[number];
