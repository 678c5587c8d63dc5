import type { TestLab } from "./lab";

/** Where each agent keeps what it must not forget; of a Nomad client that is apart from its tasks' folders. */
const DATA = {
  consul: "/opt/consul",
  "nomad server": "/opt/nomad/data/server",
  "nomad client": "/opt/nomad/data/client",
};

/**
 * Moves an agent's data to a disk of its own, a tmpfs in the host's mount namespace, and fills that to the last byte. The agent
 * is killed meanwhile, and starts again on the full disk.
 *
 * @returns what makes room, and puts the data back where they were
 */
export async function fillDisk(lab: TestLab, host: string, whose: keyof typeof DATA): Promise<() => Promise<void>> {
  const [agent] = whose.split(" ");
  const [data, disk] = [DATA[whose], `/run/small-${agent}`];
  const run = async (...lines: readonly string[]) => {
    const find = `pid=$(pgrep -o -f "^/usr/local/bin/${agent} agent"); kill -STOP $pid`;
    const outcome = await lab.onHost(host, "sh", "-ec", [find, ...lines, "kill -KILL $pid"].join("\n"));
    if (outcome.code !== 0) throw new Error(`${host}: ${outcome.output}`);
  };
  await run(
    `mkdir ${disk}`,
    `mount -t tmpfs -o size=$(( $(du -sk ${data} | cut -f1) + 4096 ))k tmpfs ${disk}`,
    `cp -a ${data}/. ${disk}/`,
    `chown --reference=${data} ${disk}`,
    `chmod --reference=${data} ${disk}`,
    `mount --bind ${disk} ${data}`,
    `dd if=/dev/zero of=${disk}/filling bs=4k 2>/dev/null || true`,
  );
  return () =>
    run(
      `rm ${disk}/filling`,
      `umount --lazy ${data}`,
      `find ${data} -mindepth 1 -delete`,
      `cp -a ${disk}/. ${data}/`,
      `umount -l ${disk}`,
      `rmdir ${disk}`,
    );
}
