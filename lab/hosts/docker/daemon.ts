import { createReadStream, createWriteStream } from "node:fs";
import { request, type IncomingMessage } from "node:http";
import { pipeline } from "node:stream/promises";

/** How long a daemon may take to answer a short question, in milliseconds. */
const answerMs = 15_000;
/** How long a daemon may say nothing while it moves an image, in milliseconds. */
const silenceMs = 60_000;
/** The same for a registry, which may not be reachable at all. */
const registrySilenceMs = 20_000;

/** What a daemon says when it refuses. */
export class DaemonRefusal extends Error {}

/**
 * A Docker daemon, by its socket.
 *
 * @see https://docs.docker.com/reference/api/engine/
 */
export class Daemon {
  constructor(readonly socket: string) {}

  /** Whether it answers. */
  async answers(): Promise<boolean> {
    return this.text("GET", "/_ping").then(
      () => true,
      () => false,
    );
  }

  /** The id of an image, or undefined if the daemon does not have it. */
  async imageId(name: string): Promise<string | undefined> {
    const image = await this.find<{ Id: string }>(`/images/${encodeURI(name)}/json`);
    return image?.Id;
  }

  /** Where the network namespace of a container is, on the daemon's own host. */
  async networkOf(container: string): Promise<string | undefined> {
    const found = await this.find<{ NetworkSettings: { SandboxKey: string } }>(`/containers/${container}/json`);
    return found?.NetworkSettings.SandboxKey || undefined;
  }

  /** Loads the images of an archive as `docker save` writes it. */
  async load(file: string, signal?: AbortSignal): Promise<void> {
    await stoppable(signal, async () => {
      const body = createReadStream(file);
      const response = await this.open("POST", "/images/load?quiet=1", { body, signal, quietMs: silenceMs });
      await refuseErrors(response);
    });
  }

  /** Saves an image to a file, under its name or id. */
  async save(name: string, file: string, signal?: AbortSignal): Promise<void> {
    await stoppable(signal, async () => {
      const response = await this.open("GET", `/images/${encodeURI(name)}/get`, { signal, quietMs: silenceMs });
      await pipeline(response, createWriteStream(file, { mode: 0o600 }));
    });
  }

  /** Gives an image one more name. */
  async tag(id: string, name: string): Promise<void> {
    const { repository, tag } = partsOf(name);
    await this.text("POST", `/images/${id}/tag?repo=${encodeURIComponent(repository)}&tag=${encodeURIComponent(tag)}`);
  }

  /** Removes images without a name that have a label, with all that only they need. */
  async removeUnnamed(label: string): Promise<void> {
    const filters = JSON.stringify({ dangling: ["true"], label: [label] });
    await this.text("POST", `/images/prune?filters=${encodeURIComponent(filters)}`);
  }

  /** Fetches an image from its registry, without credentials. */
  async pull(name: string, signal?: AbortSignal): Promise<void> {
    const { repository, tag } = partsOf(name);
    const path = `/images/create?fromImage=${encodeURIComponent(repository)}&tag=${encodeURIComponent(tag)}`;
    await stoppable(signal, async () => {
      await refuseErrors(await this.open("POST", path, { signal, quietMs: registrySilenceMs }));
    });
  }

  private async find<T>(path: string): Promise<T | undefined> {
    const answer = await this.open("GET", path, { quietMs: answerMs, refuse: false });
    const text = await textOf(answer);
    if (answer.statusCode === 404) return undefined;
    if ((answer.statusCode ?? 0) >= 400) throw refusal(text);
    return JSON.parse(text) as T;
  }

  private async text(method: string, path: string): Promise<string> {
    return textOf(await this.open(method, path, { quietMs: answerMs }));
  }

  private async open(method: string, path: string, options: OpenOptions): Promise<IncomingMessage> {
    const { body, quietMs, signal, refuse = true } = options;
    const headers = body ? { "Content-Type": "application/x-tar" } : {};
    const asked = request({ socketPath: this.socket, method, path, headers, signal });
    asked.setTimeout(quietMs, () => asked.destroy(new DaemonRefusal(`no answer for ${quietMs / 1000} s`)));
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      asked.once("response", resolve);
      asked.on("error", reject);
    });
    if (body) {
      // A daemon that refuses does not read to the end.
      const sent = pipeline(body, asked);
      for (const promise of [sent, response]) promise.catch(() => undefined);
      await Promise.race([sent, response]);
    } else {
      asked.end();
    }
    const answer = await response;
    if (refuse && (answer.statusCode ?? 0) >= 400) throw refusal(await textOf(answer));
    return answer;
  }
}

/** What is stopped ends with the reason of its signal, whatever the streams make of it. */
async function stoppable(signal: AbortSignal | undefined, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

interface OpenOptions {
  /** How long nothing may come. */
  readonly quietMs: number;
  readonly body?: NodeJS.ReadableStream;
  readonly signal?: AbortSignal;
  /** Whether an error status is thrown. @default true */
  readonly refuse?: boolean;
}

/** The name of an image without what Docker adds to it in thought: `docker.io/library/x` is `x`, and `x` is `x:latest`. */
export function plainName(name: string): string {
  const short = name.replace(/^(index\.)?docker\.io\//, "").replace(/^library\//, "");
  return short.includes("@") || /:[^/]+$/.test(short) ? short : `${short}:latest`;
}

function partsOf(name: string): { repository: string; tag: string } {
  const plain = plainName(name);
  const [, repository = plain, tag = ""] = /^(.+?)(?:@|:(?=[^/]*$))([^/]+)$/.exec(plain) ?? [];
  return { repository, tag };
}

/** A daemon has begun to answer with success before it knows how the work ends. */
async function refuseErrors(response: IncomingMessage): Promise<void> {
  const lines = (await textOf(response)).split("\n");
  for (const line of lines) {
    const { error } = parse(line);
    if (error) throw new DaemonRefusal(error);
  }
}

function parse(line: string): { readonly error?: string; readonly message?: string } {
  try {
    return JSON.parse(line) as { error?: string; message?: string };
  } catch {
    return {};
  }
}

function refusal(text: string): DaemonRefusal {
  return new DaemonRefusal(parse(text).message ?? text.trim());
}

async function textOf(response: IncomingMessage): Promise<string> {
  return (await response.setEncoding("utf8").toArray()).join("");
}
