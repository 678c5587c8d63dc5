import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { TLSSocket } from "node:tls";
import { waitFor } from "../../lab/core/wait";

// AWS is not here: its CLI is a stand-in that answers as the real one does, and whose sessions forward to a server of this test.

const root = join(__dirname, "..", "..");

jest.setTimeout(120_000);

let folder: string;
let server: Server;

const engine = (name: string, token: object) => ({
  ...{ ca: `CA of ${name}`, certificate: `certificate for ${name}`, key: `key for ${name}` },
  ...token,
});
const DOCUMENTS = {
  "meshform/prod/management": {
    consul: engine("consul", { managementToken: "manages-consul" }),
    nomad: engine("nomad", { managementToken: "manages-nomad" }),
    tokens: {},
  },
  "meshform/prod/operator": {
    ...{ consul: engine("consul", {}), nomad: engine("nomad", {}), tokens: { operator: "looks-around" } },
  },
};

const STAND_IN = `#!${process.execPath}
const { appendFileSync } = require("node:fs");
const { connect, createServer } = require("node:net");
const { PORT, LOG, DOCUMENTS } = process.env;
const args = process.argv.slice(2);
const [service, call] = args;
const valueOf = (option) => args[args.indexOf(option) + 1];
appendFileSync(LOG, JSON.stringify(args) + "\\n");
const fail = (message) => {
  console.error(message);
  process.exit(254);
};
if (call === "describe-instances") {
  console.log(JSON.stringify(args.includes("Name=tag:meshform:servers,Values=prod") ? ["i-0abc", "i-0def"] : []));
} else if (call === "get-secret-value") {
  const document = JSON.parse(DOCUMENTS)[valueOf("--secret-id")];
  if (document === undefined) fail("An error occurred (AccessDeniedException)");
  console.log(JSON.stringify({ SecretString: JSON.stringify(document) }));
} else if (call === "start-session") {
  if (process.env.REFUSES) fail("An error occurred (TargetNotConnected): i-0abc is not connected.");
  const { localPortNumber, portNumber } = JSON.parse(valueOf("--parameters"));
  createServer((from) => {
    const to = connect(Number(PORT), "127.0.0.1", () => {
      if (!process.env.TLS) to.write(portNumber[0] + " ");
      from.pipe(to).pipe(from);
    });
    for (const it of [from, to]) it.on("error", () => undefined);
  }).listen(Number(localPortNumber[0]), "127.0.0.1");
  appendFileSync(LOG, JSON.stringify(["pid", String(process.pid)]) + "\\n");
}
`;

const engineOf = (pair: object) => ({ ...pair, managementToken: "manages" });

/** A CA, and certificates that it has signed for these names and for this machine. */
function certificatesIn(place: string, names: readonly string[]) {
  const openssl = (...args: readonly string[]) => {
    const { status, stderr } = spawnSync("openssl", args, { cwd: place, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  const read = (name: string) => readFileSync(join(place, name), "utf8");
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...key, "-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "1");
  const pairs = names.map((name) => {
    const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"];
    const signer = ["-CA", "ca.pem", "-CAkey", "ca-key.pem"];
    openssl("req", "-x509", ...key, ...signer, "-keyout", `${name}-key.pem`, "-out", `${name}.pem`, ...subject);
    return [name, { certificate: read(`${name}.pem`), key: read(`${name}-key.pem`) }] as const;
  });
  return { ca: read("ca.pem"), pairs: Object.fromEntries(pairs) };
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "meshform-connect-test-"));
  for (const name of ["aws", "session-manager-plugin"]) writeFileSync(join(folder, name), STAND_IN, { mode: 0o755 });
  server = createServer((socket) => {
    socket.on("data", (data) => socket.end(`answer to ${data.toString()}`)).on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(async () => {
  await once(server.close(), "close");
  rmSync(folder, { recursive: true });
});

const log = () => join(folder, "log");
const calls = () =>
  readFileSync(log(), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as string[]);
const sessions = () => calls().flatMap(([what, pid]) => (what === "pid" ? [Number(pid)] : []));
const environment = (more: Record<string, string> = {}) => ({
  ...{ HOME: process.env.HOME, TMPDIR: folder, PATH: [folder, process.env.PATH].join(delimiter) },
  ...{ LOG: log(), PORT: String((server.address() as AddressInfo).port), DOCUMENTS: JSON.stringify(DOCUMENTS) },
  ...more,
});

/** Not synchronously: the server that the sessions lead to is in this process. */
async function connect(args: readonly string[], more?: Record<string, string>) {
  const child = spawn(process.execPath, [join(root, "cli", "meshform.mjs"), "connect", ...args], {
    cwd: folder,
    env: environment(more),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on("data", (data: Buffer) => (output.stderr += data.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...output };
}

const isAlive = (pid: number) => spawnSync("kill", ["-0", String(pid)]).status === 0;

const CHILD = `
const { readFileSync, statSync } = require("node:fs");
const { connect } = require("node:net");
const { env } = process;
const own = Object.fromEntries(Object.entries(env).filter(([name]) => /^(CONSUL|NOMAD|TF_VAR)_/.test(name)));
const files = Object.entries(own).filter(([, value]) => value.endsWith(".pem"));
const answer = (address) => new Promise((resolve) => {
  const socket = connect(Number(new URL(address).port), "127.0.0.1", () => socket.write("me"));
  socket.once("data", (data) => resolve(String(data)));
});
Promise.all([answer(env.CONSUL_HTTP_ADDR), answer(env.NOMAD_ADDR)]).then((answers) => {
  const modes = files.map(([, file]) => (statSync(file).mode & 0o777).toString(8));
  const contents = Object.fromEntries(files.map(([name, file]) => [name, readFileSync(file, "utf8")]));
  console.log(JSON.stringify({ own, modes, contents, answers }));
  process.exit(7);
});`;

interface Seen {
  readonly own: Record<string, string>;
  readonly modes: string[];
  readonly contents: Record<string, string>;
  readonly answers: string[];
}

test("a command reaches both engines of a server with the management tokens, and nothing remains when it ends", async () => {
  const { code, stdout, stderr } = await connect([
    "--cluster",
    "prod",
    "--region",
    "eu-west-1",
    "--",
    "node",
    "-e",
    CHILD,
  ]);
  expect(stderr).toBe("");
  expect(code).toBe(7);
  const { own, modes, contents, answers } = JSON.parse(stdout) as Seen;
  expect(answers).toEqual([expect.stringMatching(/^answer to 8501 /), expect.stringMatching(/^answer to 4646 /)]);
  expect(own).toMatchObject({ CONSUL_HTTP_TOKEN: "manages-consul", NOMAD_TOKEN: "manages-nomad" });
  expect(own.CONSUL_HTTP_ADDR).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  expect(new Set(modes)).toEqual(new Set(["600"]));
  // What the access stack asks for, as Consul's servers see it.
  expect(own).toMatchObject({
    TF_VAR_nomad_jwks_url: "https://127.0.0.1:4646/.well-known/jwks.json",
    TF_VAR_nomad_ca_certificate: "CA of nomad",
  });
  expect(contents).toEqual({
    ...{
      CONSUL_CACERT: "CA of consul",
      CONSUL_CLIENT_CERT: "certificate for consul",
      CONSUL_CLIENT_KEY: "key for consul",
    },
    ...{ NOMAD_CACERT: "CA of nomad", NOMAD_CLIENT_CERT: "certificate for nomad", NOMAD_CLIENT_KEY: "key for nomad" },
  });
  expect(sessions()).toHaveLength(2);
  for (const pid of sessions()) expect(isAlive(pid)).toBe(false);
  expect(existsSync(own.CONSUL_CACERT)).toBe(false);
  // No secret is an argument of a process.
  expect(readFileSync(log(), "utf8")).not.toMatch(/manages-|key for/);
  for (const args of calls().filter(([what]) => what !== "pid")) {
    expect(args.join(" ")).toContain("--region eu-west-1");
  }
});

test("a browser reaches the UI of an engine with the certificate of a person, without a token, and pages of others do not", async () => {
  const { ca, pairs } = certificatesIn(folder, ["server", "person"]);
  const options = {
    ca,
    key: pairs.server.key,
    cert: pairs.server.certificate,
    requestCert: true,
    rejectUnauthorized: true,
  };
  const engine = createHttpsServer(options, ({ url, headers }, response) => {
    response.end(`${url ?? ""}, token ${String(headers["x-consul-token"])}`);
  }).listen(0, "127.0.0.1");
  const people: string[] = [];
  engine.on("secureConnection", (socket: TLSSocket) => {
    people.push(String(socket.getPeerCertificate().subject.CN));
  });
  await once(engine, "listening");
  const mine = { ca, ...pairs.person };
  const documents = { "meshform/prod/management": { consul: engineOf(mine), nomad: engineOf(mine), tokens: {} } };
  // What opens pages in a browser.
  writeFileSync(join(folder, "xdg-open"), '#!/bin/sh\necho "$1" > "$TMPDIR/opened"\n', { mode: 0o755 });
  const child = `
    const url = process.env.URL_FILE;
    const { existsSync, readFileSync } = require("node:fs");
    const wait = () => existsSync(url) && readFileSync(url, "utf8").endsWith("\\n") ? ask() : setTimeout(wait, 50);
    const ask = async () => {
      const page = readFileSync(url, "utf8").trim();
      const own = await fetch(page);
      const other = await fetch(page, { headers: { Origin: "https://evil.example" } });
      console.log(JSON.stringify({ page, own: await own.text(), other: other.status }));
    };
    wait();`;
  try {
    const args = ["--cluster", "prod", "--open", "consul", "--", process.execPath, "-e", child];
    const { code, stdout, stderr } = await connect(args, {
      ...{ TLS: "1", PORT: String((engine.address() as AddressInfo).port), DOCUMENTS: JSON.stringify(documents) },
      URL_FILE: join(folder, "opened"),
    });
    const { page, own, other } = JSON.parse(stdout) as { page: string; own: string; other: number };
    expect({ code, own, other }).toEqual({ code: 0, own: "/ui/, token undefined", other: 403 });
    expect(new Set(people)).toEqual(new Set(["person"]));
    expect(stderr).toBe(
      `The UI of consul is at ${page} until this command ends. Log in with the token in CONSUL_HTTP_TOKEN.\n`,
    );
    await expect(fetch(page)).rejects.toThrow("fetch failed");
  } finally {
    engine.close();
  }
});

test("operators get a token for Consul alone", async () => {
  const { code, stdout } = await connect(["--cluster", "prod", "--as", "operator", "--", "node", "-e", CHILD]);
  expect(code).toBe(7);
  const { own } = JSON.parse(stdout) as Seen;
  expect(own.CONSUL_HTTP_TOKEN).toBe("looks-around");
  expect(own).not.toHaveProperty("NOMAD_TOKEN");
});

test("sessions end with a command that is told to end", async () => {
  const child = spawn(
    process.execPath,
    [
      join(root, "cli", "meshform.mjs"),
      "connect",
      "--cluster",
      "prod",
      "--",
      "node",
      "-e",
      "console.log(1); setInterval(() => {}, 1e3)",
    ],
    { cwd: folder, env: environment(), stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  const [code] = (await once(child, "exit")) as [number | null];
  expect(code).toBe(143);
  await waitFor("the end of the sessions", () => !sessions().some(isAlive), { timeoutMs: 10_000 });
});

test.each<readonly [string, readonly string[], Record<string, string>, string]>([
  [
    "a cluster that is not there",
    ["--cluster", "pord"],
    {},
    "No running server of the cluster pord was found.\nCheck --cluster and --region, and that the stack of the cluster is applied.\n",
  ],
  [
    "a secret that the role may not read",
    ["--cluster", "prod"],
    { DOCUMENTS: "{}" },
    "aws secretsmanager get-secret-value failed: An error occurred (AccessDeniedException)\nCheck the credentials (aws sts get-caller-identity), the region and the permissions of your role.\n",
  ],
  [
    "a server whose agent is offline",
    ["--cluster", "prod"],
    { REFUSES: "1" },
    "The session that forwards port 8501 of i-0abc ended: An error occurred (TargetNotConnected): i-0abc is not connected.\nCheck that your role is allowed ssm:StartSession at this instance, and that its agent is online.\n",
  ],
  [
    "a machine without the AWS CLI",
    ["--cluster", "prod"],
    { PATH: "/nonexistent" },
    "aws is not on PATH.\nInstall the AWS CLI: https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html\n",
  ],
])("says what is wrong: %s", async (_, args, more, message) => {
  const { code, stderr } = await connect([...args, "--", "node", "-e", ""], more);
  expect({ code, stderr }).toEqual({ code: 1, stderr: message });
  expect(existsSync(log()) ? sessions().filter(isAlive) : []).toEqual([]);
});

test.each([
  ["--as", "root", "management, operator"],
  ["--open", "vault", "consul, nomad"],
])("refuses another value of %s than its own", async (option, value, choices) => {
  const { code, stderr } = await connect(["--cluster", "prod", option, value, "--", "node", "-e", ""]);
  expect(code).toBe(2);
  expect(stderr).toContain(`argument '${value}' is invalid. Allowed choices are ${choices}.`);
});
