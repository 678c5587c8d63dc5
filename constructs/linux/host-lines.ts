import type { HostData, HostFile } from "./host";
import { commandLine, quote } from "./shell";
import { volumeOwnerLines } from "./volume-lines";

/**
 * Shell lines that give a host its users, directories and files, with owner and mode. Its volumes are mounted. They can be repeated.
 *
 * @param folder where the contents of the files are kept, each below it at its own path
 */
export function hostLines(host: HostData, folder: string): string[] {
  return [
    ...host.users.map(({ name, home }) => {
      const add = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", home];
      return `id -u ${quote(name)} >/dev/null 2>&1 || ${commandLine([...add, "--shell", "/usr/sbin/nologin", name])}`;
    }),
    ...volumeOwnerLines(host.volumes),
    ...host.directories.map(({ path, mode = "0755", owner = "root:root" }) => installLine(["-d"], mode, owner, [path])),
    ...fileLines(host.files, folder),
  ];
}

/** Shell lines that put files in their places, with owner and mode. */
export function fileLines(files: readonly HostFile[], folder: string): string[] {
  return files.map(({ path, mode = "0644", owner = "root:root" }) =>
    installLine(["-D"], mode, owner, [`${folder}${path}`, path]),
  );
}

function installLine(kind: readonly string[], mode: string, owner: string, paths: readonly string[]): string {
  const [user = "root", group = user] = owner.split(":");
  return commandLine(["install", ...kind, "-m", mode, "-o", user, "-g", group, ...paths]);
}
