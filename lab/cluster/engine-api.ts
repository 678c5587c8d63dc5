import { readFileSync } from "node:fs";
import { request as requestHttp, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as requestHttps, type RequestOptions } from "node:https";
import { WebSocket } from "ws";
import { LabError } from "../core/errors";

/** How to reach one engine. */
export interface EngineEndpoint {
  /** With scheme and port, e.g. `http://127.0.0.1:8500`. */
  readonly address: string;
  /** Secret id of an ACL token. @default none */
  readonly token?: string;
  /** PEM file of the authority that signed the engine's certificate. @default those that Node knows */
  readonly caFile?: string;
  /** PEM file of the certificate that is shown to the engine, with its chain. @default none */
  readonly certFile?: string;
  /** PEM file of its private key. @default none */
  readonly keyFile?: string;
  /** Name that the engine's certificate must have. @default that of the address */
  readonly serverName?: string;
}

/** Where the cluster is that the stacks are applied to. */
export interface ClusterEndpoints {
  readonly consul: EngineEndpoint;
  readonly nomad: EngineEndpoint;
}

/** The longest that an engine may take to answer, in milliseconds. */
const ANSWER_MS = 30_000;

/** The answer of an engine as it is, whatever its status. */
export interface EngineAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** An engine has understood a request and says no. */
export class EngineRefusal extends Error {
  constructor(
    readonly engine: string,
    readonly status: number,
    /** The engine's own words. */
    readonly words: string,
  ) {
    super(`${engine} returned status ${status}: ${words}`);
    this.name = "EngineRefusal";
  }
}

/** The JSON API of Consul, Nomad or Vault. */
export class EngineApi<Engine extends "Consul" | "Nomad" | "Vault" = "Consul" | "Nomad"> {
  private readonly tls: Pick<RequestOptions, "ca" | "cert" | "key" | "servername">;

  constructor(
    readonly engine: Engine,
    private readonly endpoint: EngineEndpoint,
  ) {
    const { caFile, certFile, keyFile, serverName } = endpoint;
    const read = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file));
    this.tls = { ca: read(caFile), cert: read(certFile), key: read(keyFile), servername: serverName };
  }

  /** What is there, or undefined when there is nothing. */
  async get(path: string): Promise<unknown> {
    const { status, text } = await this.request("GET", path);
    return isAbsence(status, text) ? undefined : this.parse(status, text);
  }

  async put(path: string, body: unknown): Promise<unknown> {
    const { status, text } = await this.request("PUT", path, JSON.stringify(body));
    return this.parse(status, text);
  }

  async post(path: string, body: unknown): Promise<unknown> {
    const { status, text } = await this.request("POST", path, JSON.stringify(body));
    return this.parse(status, text);
  }

  /** Scheme, host and port. */
  get address(): string {
    return new URL(this.endpoint.address).origin;
  }

  /** Whether requests carry a token. */
  get hasToken(): boolean {
    return this.endpoint.token !== undefined;
  }

  /**
   * Asks a question. The reader looks at the status.
   *
   * @param body what is posted @default nothing: it is a GET request
   * @throws LabError if there is no answer in time
   */
  ask(path: string, timeoutMs: number, body?: unknown): Promise<EngineAnswer> {
    return body === undefined
      ? this.request("GET", path, undefined, timeoutMs)
      : this.request("POST", path, JSON.stringify(body), timeoutMs);
  }

  /** Nothing to delete is as good as deleted. */
  async delete(path: string): Promise<void> {
    const { status, text } = await this.request("DELETE", path);
    if (!isAbsence(status, text)) this.parse(status, text);
  }

  /**
   * An answer as it comes, for as long as it goes on. Its status is the reader's to look at.
   *
   * @param signal Ends it; its reason is thrown.
   */
  stream(path: string, signal?: AbortSignal): Promise<IncomingMessage> {
    const { url, headers, send } = this.target(path);
    return new Promise((resolve, reject) => {
      const request = send(url, { headers, ...this.tls, signal }, resolve);
      request.on("error", (error) => {
        reject(signal?.aborted ? (signal.reason as Error) : error);
      });
      request.end();
    });
  }

  /** Opens a web socket. How it goes on is the caller's to look at. */
  socket(path: string): WebSocket {
    const { url, headers } = this.target(path);
    return new WebSocket(url, { headers, ...this.tls });
  }

  private parse(status: number, text: string): unknown {
    if (status < 200 || status > 299) throw new EngineRefusal(this.engine, status, text.trim());
    return text.trim() === "" ? undefined : (JSON.parse(text) as unknown);
  }

  private request(method: string, path: string, body?: string, timeoutMs = ANSWER_MS): Promise<EngineAnswer> {
    const { url, headers, send } = this.target(path);
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        reject(
          new LabError(
            `${this.engine} does not answer at ${url.origin}: ${error.message || error.name}.`,
            `Check that ${this.engine} runs there, then try again.`,
            { cause: error },
          ),
        );
      };
      const options = { method, headers, ...this.tls, signal: AbortSignal.timeout(timeoutMs) };
      const request = send(url, options, (response) => {
        const chunks: Buffer[] = [];
        response.on("error", fail);
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const { statusCode = 0, headers } = response;
          resolve({ status: statusCode, headers, text: Buffer.concat(chunks).toString() });
        });
      });
      request.on("error", fail);
      request.end(body);
    });
  }

  private target(path: string) {
    const url = new URL(path, this.endpoint.address);
    const { token } = this.endpoint;
    const headers = token === undefined ? {} : { [`X-${this.engine}-Token`]: token };
    return { url, headers, send: url.protocol === "https:" ? requestHttps : requestHttp };
  }
}

/** Consul says 403 of a token that is not there, and 404 of all else. */
function isAbsence(status: number, text: string): boolean {
  return status === 404 || (status === 403 && text.includes("ACL not found"));
}
