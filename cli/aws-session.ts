import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { promisify } from "node:util";
import { LabError } from "../lab/core/errors";
import { freePorts } from "../lab/core/free-ports";
import { findProgram } from "../lab/machine/find-program";
import { waitFor } from "../lab/core/wait";

/** When to give up on a call of AWS, in milliseconds. */
const CALL_MS = 60_000;

/** The AWS CLI of this machine, with its own credentials and profile. */
export class AwsCli {
  /** @throws LabError if it is not installed */
  constructor(private readonly region: string | undefined) {
    for (const [program, what] of [
      ["aws", "the AWS CLI"],
      ["session-manager-plugin", "the plugin of the AWS CLI for Session Manager"],
    ]) {
      if (findProgram(program) === undefined) {
        throw new LabError(
          `${program} is not on PATH.`,
          `Install ${what}: https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html`,
        );
      }
    }
  }

  /** Returns what a call prints as JSON. The call must not print secrets in its errors. */
  async call(...args: readonly string[]): Promise<unknown> {
    const { stdout } = await promisify(execFile)("aws", [...args, ...this.common(), "--output", "json"], {
      timeout: CALL_MS,
      maxBuffer: 2 ** 24,
    }).catch((error: unknown) => {
      const { stderr = "" } = error as { stderr?: string };
      throw new LabError(
        `aws ${args.slice(0, 2).join(" ")} failed: ${stderr.trim() || String(error)}`,
        "Check the credentials (aws sts get-caller-identity), the region and the permissions of your role.",
      );
    });
    return JSON.parse(stdout);
  }

  /** Forwards a port of an instance to one of this machine that is free. */
  async forward(instance: string, port: number, signal: AbortSignal): Promise<Forward> {
    const [localPort] = await freePorts(1);
    const parameters = { portNumber: [String(port)], localPortNumber: [String(localPort)] };
    const child = spawn(
      "aws",
      [
        ...["ssm", "start-session", "--target", instance, "--document-name", "AWS-StartPortForwardingSession"],
        ...["--parameters", JSON.stringify(parameters), ...this.common()],
      ],
      // A process group of its own: Ctrl-C is for the command, and the plugin ends with the CLI.
      { detached: true, stdio: ["ignore", "pipe", "pipe"] },
    );
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data: Buffer) => (output = `${output}${data.toString()}`.slice(-2_000)));
    }
    const ended = once(child, "exit");
    const forward = {
      port: localPort,
      close: async () => {
        if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
        process.kill(-child.pid, "SIGTERM");
        await ended;
      },
    };
    try {
      await waitFor(
        `the session that forwards port ${port} of ${instance}`,
        () => {
          if (child.exitCode !== null) {
            throw new LabError(
              `The session that forwards port ${port} of ${instance} ended: ${output.trim()}`,
              "Check that your role is allowed ssm:StartSession at this instance, and that its agent is online.",
            );
          }
          return accepts(localPort);
        },
        {
          timeoutMs: CALL_MS,
          lastSeen: () => output,
          fix: "Check that the agent of Session Manager is online on the instance (aws ssm describe-instance-information).",
          signal,
        },
      );
    } catch (error) {
      await forward.close();
      throw error;
    }
    return forward;
  }

  private common(): readonly string[] {
    return this.region === undefined ? [] : ["--region", this.region];
  }
}

/** A port of this machine that leads to one of an instance. */
export interface Forward {
  readonly port: number;
  /** Ends the session. */
  close(): Promise<void>;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } finally {
    socket.destroy();
  }
}
