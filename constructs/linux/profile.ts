/**
 * The security of agents. `secure`: mutual TLS, encrypted gossip, and ACLs that deny by default. `plain`: none of these, for a
 * lab that only this machine can reach.
 */
export type Profile = "secure" | "plain";

/** A certificate, its key and the CA that signed it, with the setting names of both agents. */
export interface TlsFiles {
  readonly ca_file: string;
  readonly cert_file: string;
  readonly key_file: string;
}

/** The files that the host writes at boot from its secret store. */
export function tlsFiles(folder: string): TlsFiles {
  return { ca_file: `${folder}/ca.pem`, cert_file: `${folder}/agent.pem`, key_file: `${folder}/agent-key.pem` };
}
