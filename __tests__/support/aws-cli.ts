import { mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** What `meshform connect` finds in a region. */
export interface StandInRegion {
  /** Name of the cluster. */
  readonly cluster: string;
  /** The secret for people who manage it. */
  readonly management: string;
  /** Ports of this machine to which sessions lead, by the port of a server. */
  readonly ports: Readonly<Record<number, number>>;
}

/**
 * A stand-in for the AWS CLI with its plugin for Session Manager, which answers what `meshform connect` asks as the real one does. Its sessions lead to
 * servers that are not on AWS.
 *
 * @returns the environment in which it is the AWS CLI
 */
export function standInForAwsCli(folder: string, regions: Readonly<Record<string, StandInRegion>>): { PATH: string } {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "regions.json");
  writeFileSync(file, JSON.stringify(regions), { mode: 0o600 });
  for (const name of ["aws", "session-manager-plugin"])
    writeFileSync(join(folder, name), program(file), { mode: 0o755 });
  return { PATH: [folder, process.env.PATH].join(delimiter) };
}

const program = (file: string) => `#!${process.execPath}
const { readFileSync } = require("node:fs");
const { connect, createServer } = require("node:net");
const args = process.argv.slice(2);
const valueOf = (option) => args[args.indexOf(option) + 1];
const { cluster, management, ports } = JSON.parse(readFileSync(${JSON.stringify(file)}, "utf8"))[valueOf("--region")];
switch (args[1]) {
  case "describe-instances":
    console.log(JSON.stringify(args.includes("Name=tag:meshform:servers,Values=" + cluster) ? ["i-0abc"] : []));
    break;
  case "get-secret-value":
    if (valueOf("--secret-id") !== "meshform/" + cluster + "/management") process.exit(254);
    console.log(JSON.stringify({ SecretString: management }));
    break;
  case "start-session": {
    const { localPortNumber, portNumber } = JSON.parse(valueOf("--parameters"));
    createServer((from) => {
      const to = connect(ports[Number(portNumber[0])], "127.0.0.1");
      from.pipe(to).pipe(from);
      for (const it of [from, to]) it.on("error", () => (from.destroy(), to.destroy()));
    }).listen(Number(localPortNumber[0]), "127.0.0.1");
  }
}
`;
