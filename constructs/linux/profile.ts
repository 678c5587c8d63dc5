/**
 * How agents treat each other and their callers. `secure`: mutual TLS, encrypted gossip, ACL that denies by default.
 * `plain`: none of it, for a lab that only this machine reaches.
 */
export type Profile = "secure" | "plain";

/** A certificate with its key and the authority that signed it, as both agents' settings name them. */
export interface TlsFiles {
  readonly ca_file: string;
  readonly cert_file: string;
  readonly key_file: string;
}

/** The files that the host writes at boot from its secret store. */
export function tlsFiles(folder: string): TlsFiles {
  return { ca_file: `${folder}/ca.pem`, cert_file: `${folder}/agent.pem`, key_file: `${folder}/agent-key.pem` };
}
