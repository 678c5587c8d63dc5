import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { waitFor } from "../../lab/core/wait";

/** A journal of systemd, written by a journald of its own. */
export interface Journal {
  /** Writes a message; `\\x01` and the like are bytes. */
  write(message: { readonly unit: string; readonly priority: string; readonly text: string }): Promise<void>;
  stop(): Promise<void>;
}

/** In its own mounts, so that it leaves /run of this machine alone. */
const SCRIPT = `
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log/journal
printf '[Journal]\\nReadKMsg=no\\nAudit=no\\n' > /run/systemd/journald.conf.d/own.conf
mount --bind "$1" /run/log/journal
/lib/systemd/systemd-journald &
journald=$!
until [ -S /run/systemd/journal/stdout ]; do sleep 0.1; done
echo ready
while read -r unit priority text; do
  printf "$text\\n" | systemd-cat --identifier="$unit" --priority="$priority"
  echo written
done
kill $journald
wait $journald`;

/** Starts a journald whose journal is in a folder. */
export async function startJournal(folder: string): Promise<Journal> {
  mkdirSync(folder, { recursive: true });
  const process = spawn("unshare", ["--mount", "bash", "-c", SCRIPT, "journal", folder], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const answered = async () => {
    await once(process.stdout, "data");
  };
  await answered();
  await waitFor("the journal", () => existsSync(folder) && readdirSync(folder).length > 0, { timeoutMs: 30_000 });
  return {
    write: async ({ unit, priority, text }) => {
      const written = answered();
      process.stdin.write(`${unit} ${priority} ${text}\n`);
      await written;
    },
    stop: async () => {
      const ended = once(process, "exit");
      process.stdin.end();
      await ended;
    },
  };
}
