import { type ListrBaseClassOptions, PRESET_TIMER } from "listr2";

/** Whether progress can be drawn over itself; otherwise it is written as plain lines. */
export function isInteractive(): boolean {
  return process.stdout.isTTY && !process.env.CI;
}

/**
 * How every list of tasks shows its progress: drawn on a terminal, plain lines elsewhere, with the time that each took.
 * Ctrl-C is left to the command, which cleans up first.
 */
export const PROGRESS = {
  fallbackRenderer: "simple",
  fallbackRendererCondition: () => !isInteractive(),
  fallbackRendererOptions: { timer: PRESET_TIMER },
  rendererOptions: { timer: PRESET_TIMER, collapseSubtasks: false, showErrorMessage: false, collapseErrors: false },
  registerSignalListeners: false,
} as const satisfies ListrBaseClassOptions<unknown>;
