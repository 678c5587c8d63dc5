import type { HostData, HostFile } from "./host";
import { commandLine, quote } from "./shell";
import { volumeOwnerLines } from "./volume-lines";

/**
 * Returns shell lines that create the users, directories and files of a host, with owner and mode. Its volumes must be mounted
 * before. The lines can be run repeatedly.
 *
 * @param folder directory in which the contents of the files are kept; each file has its own path below it
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

/** Returns shell lines that install files, with owner and mode. */
export function fileLines(files: readonly HostFile[], folder: string): string[] {
  return files.map(({ path, mode = "0644", owner = "root:root" }) =>
    installLine(["-D"], mode, owner, [`${folder}${path}`, path]),
  );
}

function installLine(kind: readonly string[], mode: string, owner: string, paths: readonly string[]): string {
  const [user = "root", group = user] = owner.split(":");
  return commandLine(["install", ...kind, "-m", mode, "-o", user, "-g", group, ...paths]);
}
