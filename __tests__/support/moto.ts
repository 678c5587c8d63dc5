import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { engineCache, fillOnce } from "../../lab/engines/cache";
import { TOOLS_FOLDER } from "../../lab/engines/catalogue";
import { runTool } from "../../lab/run-tool";
import { waitFor } from "../../lab/wait";

const VERSION = "5.2.5";
const FOLDER = join(engineCache(), "moto", VERSION);
const PYTHON = join(FOLDER, "bin", "python3");

/** An AWS API server on this machine. */
export interface Moto {
  readonly endpoint: string;
  /** The environment of a host: its Python has boto3, and its role credentials. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Starts moto, which is installed into the cache of the engines first where it is missing. */
export async function startMoto(): Promise<Moto> {
  await installMoto();
  const port = await freePort();
  const program = `
import threading
from werkzeug.serving import WSGIRequestHandler, run_simple
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

moto = DomainDispatcherApplication(create_backend_app)
one_at_a_time = threading.Lock()

def atomic(environ, start_response):
    # Otherwise two may create one secret, which AWS never lets happen.
    with one_at_a_time:
        return list(moto(environ, start_response))

WSGIRequestHandler.protocol_version = "HTTP/1.1"  # keeps connections
run_simple("127.0.0.1", ${port}, atomic, threaded=True)`;
  const server = spawn(PYTHON, ["-c", program], { stdio: "ignore" });
  const endpoint = `http://127.0.0.1:${port}`;
  await waitFor("moto", async () => (await fetch(`${endpoint}/moto-api/`)).ok, { timeoutMs: 60_000 });
  return {
    endpoint,
    environment: {
      PATH: [join(FOLDER, "bin"), process.env.PATH ?? ""].join(delimiter),
      AWS_ACCESS_KEY_ID: "of-the-role",
      AWS_SECRET_ACCESS_KEY: "of-the-role",
    },
    stop: async () => {
      const ended = once(server, "exit");
      server.kill();
      await ended;
    },
  };
}

async function installMoto(): Promise<void> {
  const what = `The installation of moto ${VERSION}`;
  const fix = "Make sure that pip reaches its package index (see `pip config list`) and try again.";
  const timeoutMs = 20 * 60_000;
  if (await hasMoto()) return;
  await fillOnce(FOLDER, {
    what,
    timeoutMs,
    isFilled: hasMoto,
    fill: async (folder) => {
      const scratch = join(folder, ".tmp");
      await mkdir(scratch);
      const options = { what, fix, timeoutMs, env: { TMPDIR: scratch } };
      await runTool(["python3", "-m", "venv", folder], options);
      await runTool(
        [
          join(folder, "bin", "python3"),
          ...["-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary=:all:"],
          ...["--disable-pip-version-check", "--requirement", join(TOOLS_FOLDER, "moto", "requirements.txt")],
        ],
        options,
      );
      await rm(scratch, { recursive: true });
    },
  });
}

async function hasMoto(): Promise<boolean> {
  const ask = promisify(execFile)(PYTHON, ["-c", "import boto3, importlib.metadata as m; print(m.version('moto'))"]);
  return ask.then(
    ({ stdout }) => stdout.trim() === VERSION,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await once(server.close(), "close");
  return port;
}
