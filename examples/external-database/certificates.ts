import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where what {@link makeCertificates} makes is. */
export interface Certificates {
  readonly folder: string;
  readonly caFile: string;
  readonly serverCertFile: string;
  readonly serverKeyFile: string;
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
}

/**
 * Makes an authority of its own, a certificate for a server and one for a client, unless the folder is there already. Keys are
 * for the folder's owner only.
 *
 * @param serverName the name in the server's certificate
 * @param clientName the name in the client's
 */
export function makeCertificates(folder: string, serverName: string, clientName: string): Certificates {
  if (!existsSync(folder)) {
    const draft = `${folder}.draft`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true, mode: 0o700 });
    makeAuthority(draft);
    makeCertificate(draft, "server", serverName);
    makeCertificate(draft, "client", clientName);
    // Only a whole folder counts as there.
    renameSync(draft, folder);
  }
  const file = (name: string) => join(folder, name);
  return {
    folder,
    caFile: file("ca.pem"),
    serverCertFile: file("server.pem"),
    serverKeyFile: file("server.key"),
    clientCertFile: file("client.pem"),
    clientKeyFile: file("client.key"),
  };
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

function makeAuthority(folder: string): void {
  openssl(folder, [
    "req",
    "-x509",
    ...newKey,
    "-days",
    "365",
    "-subj",
    "/CN=ca",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
  ]);
}

function makeCertificate(folder: string, name: string, host: string): void {
  writeFileSync(join(folder, `${name}.ext`), `subjectAltName = DNS:${host}\n`);
  openssl(folder, ["req", ...newKey, "-subj", `/CN=${host}`, "-keyout", `${name}.key`, "-out", `${name}.csr`]);
  openssl(folder, [
    ...["x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
    ...["-days", "365", "-extfile", `${name}.ext`, "-out", `${name}.pem`],
  ]);
}

function openssl(folder: string, args: readonly string[]): void {
  execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"], timeout: 60_000 });
}
