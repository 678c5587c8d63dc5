import { Daemon } from "./daemon";

/** The Docker daemon that runs on this machine, where commands such as `docker` find it; undefined if none answers. */
export async function machineDaemon(env: NodeJS.ProcessEnv = process.env): Promise<Daemon | undefined> {
  const host = env.DOCKER_HOST || "unix:///var/run/docker.sock";
  const socket = /^unix:\/\/(\/.+)$/.exec(host)?.[1];
  if (socket === undefined) return undefined;
  const daemon = new Daemon(socket);
  return (await daemon.answers()) ? daemon : undefined;
}
