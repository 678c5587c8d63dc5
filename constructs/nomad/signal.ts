import { oneOf, type Rule } from "../core/shape";

/** The named signals of Linux. */
export const SIGNALS = [
  ...["SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCONT", "SIGFPE", "SIGHUP", "SIGILL", "SIGINT", "SIGIO", "SIGIOT"],
  ...["SIGKILL", "SIGPIPE", "SIGPROF", "SIGQUIT", "SIGSEGV", "SIGSTOP", "SIGSYS", "SIGTERM", "SIGTRAP", "SIGTSTP"],
  ...["SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGXCPU", "SIGXFSZ"],
] as const;

/** A signal of Linux: a named one, or a real-time signal such as `SIGRTMIN+3`. */
export type Signal = (typeof SIGNALS)[number] | `SIGRT${string}`;

/** @internal */
export const signal: Rule = oneOf(SIGNALS, /^SIGRT/);
