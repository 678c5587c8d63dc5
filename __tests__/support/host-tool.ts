import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { bytesOf } from "../../constructs/linux/host";
import { hostTool, type HostToolConfig } from "../../constructs/linux/host-tool/host-tool";
import { engines } from "./engines";
import { run, type Outcome } from "./lab";

/** Users of a host, for files that belong to them. */
export const USERS = { consul: 4001, nomad: 4002 } as const;

/** A host that is only a folder: the host tool takes it for the root of its file system. */
export class FolderHost {
  private readonly program: string;

  constructor(
    readonly root: string,
    readonly config: HostToolConfig,
  ) {
    for (const file of hostTool(config).files ?? []) {
      this.write(file.path, bytesOf(file));
      chmodSync(this.path(file.path), parseInt(file.mode ?? "0644", 8));
    }
    const users = Object.entries(USERS).map(([name, id]) => `${name}:x:${id}:${id}::/:/usr/sbin/nologin\n`);
    this.write("/etc/passwd", ["root:x:0:0:root:/root:/bin/sh\n", ...users].join(""));
    this.program = this.path("/usr/local/lib/meshform/meshform-host");
  }

  /** Runs a command of the host tool. */
  async tool(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    return run(this.program, ["--root", this.root, ...args], {
      env: { ...(await engineEnvironment()), ...env },
      timeoutMs: 5 * 60_000,
    });
  }

  path(path: string): string {
    return join(this.root, path);
  }

  read(path: string): string {
    return readFileSync(this.path(path), "utf8");
  }

  json(path: string): unknown {
    return JSON.parse(this.read(path));
  }

  write(path: string, content: string | Buffer): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), content);
  }

  /** All that the tool has written, by path: mode, owner, content and the time of the last change. */
  written(): Record<string, { mode: string; owner: number; content: string; changed: number }> {
    const folders = ["/etc/consul.d", "/etc/nomad.d"];
    const paths = folders.flatMap((folder) => [
      folder,
      ...readdirSync(this.path(folder), { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)),
    ]);
    return Object.fromEntries(
      paths.map((path) => {
        const { mode, uid, mtimeMs } = statSync(this.path(path));
        const isFile = statSync(this.path(path)).isFile();
        const content = isFile ? this.read(path) : "";
        return [path, { mode: (mode & 0o777).toString(8), owner: uid, content, changed: mtimeMs }];
      }),
    );
  }
}

/** The environment in which the host tool finds the engines' commands, and leaves /run of this machine alone. */
export async function engineEnvironment(): Promise<Record<string, string>> {
  const { consul, nomad } = await engines();
  const PATH = [dirname(consul.path), dirname(nomad.path), process.env.PATH ?? ""].join(":");
  return { PATH, TMPDIR: tmpdir() };
}

/** The file of a document in a secret store that is a directory. */
export function documentFile(store: string, name: string): string {
  return join(store, name, `${name}.json`);
}

/** The documents of a secret store that is a directory, by name. */
export function documentsIn(store: string): Record<string, unknown> {
  const names = readdirSync(store).filter((name) => existsSync(documentFile(store, name)));
  return Object.fromEntries(
    names.map((name) => [name, JSON.parse(readFileSync(documentFile(store, name), "utf8")) as unknown]),
  );
}

/** Every secret text in documents of a store: keys, tokens, gossip keys. Certificates are public. */
export function secretsIn(document: unknown): string[] {
  if (typeof document === "string") return document.startsWith("-----BEGIN CERTIFICATE") ? [] : [document.trim()];
  return typeof document === "object" && document !== null ? Object.values(document).flatMap(secretsIn) : [];
}
