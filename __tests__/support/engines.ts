import { ensureEngines } from "../../lab/machine/engines/ensure-engines";

let found: ReturnType<typeof ensureEngines> | undefined;

/** The engines of this machine. They are looked for once in a suite, since that asks all of them for their versions. */
export function engines(): ReturnType<typeof ensureEngines> {
  return (found ??= ensureEngines());
}
