import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { Option, type Command } from "commander";
import { accessVariables } from "../lab/apply/access-variables";
import { variableEnvironment } from "../lab/apply/variables";
import { LabError } from "../lab/core/errors";
import { AwsCli, type Forward } from "./aws-session";
import { openUi, type Ui } from "./connect-ui";
import { interruptible } from "./interruptible";

interface ConnectOptions {
  readonly cluster: string;
  readonly region?: string;
  readonly as: "management" | "operator";
  readonly open?: Engine;
}

/** `meshform connect`: a command that reaches the servers of a cluster on AWS through Session Manager. */
export function registerConnect(program: Command): void {
  program
    .command("connect")
    .description("run a command, or a shell, that reaches a cluster on AWS through Session Manager")
    .argument("[command...]", "after two dashes: the command and its arguments (default: your shell)")
    .requiredOption("--cluster <name>", "name of the cluster")
    .option("--region <name>", "region of the cluster (default: that of the AWS CLI)")
    .addOption(
      new Option("--as <document>", "whose tokens the command gets: management, or operator, which only reads")
        .choices(["management", "operator"])
        .default("management"),
    )
    .addOption(
      new Option("--open <engine>", "also open the UI of an engine in a browser, until the command ends").choices(
        Object.keys(PORTS),
      ),
    )
    .addHelpText("after", "\nExample: meshform connect --cluster prod -- npx cdktf deploy access mesh")
    .action(async (command: string[], options: ConnectOptions) => {
      process.exitCode = await connected(options, command);
    });
}

/** Ports of the HTTPS APIs of a server. */
const PORTS = { consul: 8501, nomad: 4646 };
type Engine = keyof typeof PORTS;

/** What a document of the secret store has for people. */
interface SecretDocument extends Readonly<
  Record<
    Engine,
    { readonly ca: string; readonly certificate: string; readonly key: string; readonly managementToken?: string }
  >
> {
  readonly tokens: { readonly operator?: string };
}

async function connected({ cluster, region, as, open }: ConnectOptions, command: readonly string[]): Promise<number> {
  const aws = new AwsCli(region);
  const folder = await mkdtemp(join(tmpdir(), "meshform-connect-"));
  const forwards: Forward[] = [];
  let ui: Ui | undefined;
  try {
    const environment = await interruptible(async (signal) => {
      const instance = await aServerOf(aws, cluster);
      const secrets = await documentOf(aws, cluster, as);
      for (const port of Object.values(PORTS)) forwards.push(await aws.forward(instance, port, signal));
      const [consul, nomad] = forwards;
      return {
        ...(await credentials("consul", "CONSUL_HTTP_TOKEN", { secrets, folder })),
        ...(await credentials("nomad", "NOMAD_TOKEN", { secrets, folder })),
        ...variableEnvironment(accessVariables(secrets.nomad.ca)),
        CONSUL_HTTP_ADDR: `https://127.0.0.1:${consul.port}`,
        NOMAD_ADDR: `https://127.0.0.1:${nomad.port}`,
      };
    });
    if (open !== undefined) {
      ui = await openUi(open, environment);
      const variable = open === "consul" ? "CONSUL_HTTP_TOKEN" : "NOMAD_TOKEN";
      console.error(`The UI of ${open} is at ${ui.url} until this command ends. Log in with the token in ${variable}.`);
    }
    return await run(command.length > 0 ? command : [process.env.SHELL ?? "sh"], environment);
  } finally {
    await ui?.close();
    await Promise.all(forwards.map((it) => it.close()));
    await rm(folder, { recursive: true });
  }
}

async function aServerOf(aws: AwsCli, cluster: string): Promise<string> {
  const instances = await aws.call(
    ...["ec2", "describe-instances", "--query", "Reservations[].Instances[].InstanceId", "--filters"],
    ...[`Name=tag:meshform:servers,Values=${cluster}`, "Name=instance-state-name,Values=running"],
  );
  const [first] = instances as readonly (string | undefined)[];
  if (first === undefined) {
    throw new LabError(
      `No running server of the cluster ${cluster} was found.`,
      "Check --cluster and --region, and that the stack of the cluster is applied.",
    );
  }
  return first;
}

async function documentOf(aws: AwsCli, cluster: string, as: ConnectOptions["as"]): Promise<SecretDocument> {
  const name = `meshform/${cluster}/${as}`;
  const { SecretString } = (await aws.call("secretsmanager", "get-secret-value", "--secret-id", name)) as {
    readonly SecretString: string;
  };
  return JSON.parse(SecretString) as SecretDocument;
}

/** The variables of an engine but its address; its CA, certificate and key are files that only this user can read. */
async function credentials(
  engine: Engine,
  tokenVariable: string,
  { secrets, folder }: { readonly secrets: SecretDocument; readonly folder: string },
): Promise<Record<string, string>> {
  const { ca, certificate, key, managementToken } = secrets[engine];
  const token = managementToken ?? (engine === "consul" ? secrets.tokens.operator : undefined);
  const file = async (name: string, content: string) => {
    const path = join(folder, `${engine}-${name}.pem`);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  };
  const prefix = engine.toUpperCase();
  return {
    ...(token !== undefined && { [tokenVariable]: token }),
    [`${prefix}_CACERT`]: await file("ca", ca),
    [`${prefix}_CLIENT_CERT`]: await file("certificate", certificate),
    [`${prefix}_CLIENT_KEY`]: await file("key", key),
  };
}

/** Runs a command to its end. Ctrl-C reaches it from the terminal, and a SIGTERM is passed on. */
async function run(command: readonly string[], environment: Readonly<Record<string, string>>): Promise<number> {
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: "inherit", env: { ...process.env, ...environment } });
  const ignore = () => undefined;
  const passOn = () => child.kill("SIGTERM");
  process.on("SIGINT", ignore).on("SIGTERM", passOn);
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + constants.signals[signal ?? "SIGTERM"];
  } catch (error) {
    throw new LabError(`${program} cannot be started: ${(error as Error).message}`, "Check the command.");
  } finally {
    process.off("SIGINT", ignore).off("SIGTERM", passOn);
  }
}
