import { execFileSync } from "node:child_process";
import { realpathSync } from "node:fs";

/**
 * What tasks of the `exec` driver find in their root: Node, a shell, and what those need. Nomad's own choice is all of /usr,
 * which it would copy for each task, since the host's folders are mounts of their own: many gigabytes on a developer's machine.
 *
 * @returns path on the host → path in the task's root
 * @see https://developer.hashicorp.com/nomad/docs/configuration/client#chroot_env-parameters
 */
export function execChroot(): Record<string, string> {
  const programs = {
    "/bin/sh": "/bin/sh",
    "/usr/bin/env": "/usr/bin/env",
    "/usr/local/bin/node": "/usr/local/bin/node",
  };
  const libraries = ["/bin/sh", "/usr/bin/env", process.execPath].flatMap(librariesOf);
  const settings = ["/etc/passwd", "/etc/group", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/ssl"];
  return { ...programs, ...Object.fromEntries([...libraries, ...settings].map((path) => [path, path])) };
}

/** The shared libraries of a program, its loader too; none for one that is linked statically. */
export function librariesOf(program: string): string[] {
  try {
    const output = execFileSync("ldd", [realpathSync(program)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return [...output.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map(([, path = ""]) => path);
  } catch {
    return [];
  }
}
