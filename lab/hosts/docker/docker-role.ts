import type { HostRole } from "../../../constructs/linux/compose-host";

/** Where the daemon of a host keeps images and containers, inside the host. */
export const dockerData = "/var/lib/docker";
/** Where it listens, inside the host; Nomad finds it there as /var/run/docker.sock. */
export const dockerSocket = "/run/docker.sock";

/**
 * The Docker daemon of a lab host, as Debian's package has systemd start it on a cloud machine. It is one for each host, since it
 * must share the host's mounts and network with Nomad; and all that it makes ends with the host's namespaces.
 *
 * @param dockerd the daemon's program
 */
export function dockerRole(dockerd: string): HostRole {
  return {
    directories: [{ path: dockerData, mode: "0710" }],
    units: [
      {
        name: "docker",
        description: "Docker daemon",
        command: [
          ...[dockerd, "--host", `unix://${dockerSocket}`, "--data-root", dockerData],
          ...["--exec-root", "/run/docker", "--pidfile", "/run/docker.pid"],
          ...["--exec-opt", "native.cgroupdriver=cgroupfs"],
        ],
      },
    ],
  };
}
