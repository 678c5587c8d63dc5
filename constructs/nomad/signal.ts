import { oneOf, type Rule } from "../core/shape";

/** The signals of Linux that have names. */
export const SIGNALS = [
  ...["SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCONT", "SIGFPE", "SIGHUP", "SIGILL", "SIGINT", "SIGIO", "SIGIOT"],
  ...["SIGKILL", "SIGPIPE", "SIGPROF", "SIGQUIT", "SIGSEGV", "SIGSTOP", "SIGSYS", "SIGTERM", "SIGTRAP", "SIGTSTP"],
  ...["SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGXCPU", "SIGXFSZ"],
] as const;

/** A signal of Linux. What follows SIGRT is for programs to say, as in `SIGRTMIN+3`. */
export type Signal = (typeof SIGNALS)[number] | `SIGRT${string}`;

/** @internal */
export const signal: Rule = oneOf(SIGNALS, /^SIGRT/);
