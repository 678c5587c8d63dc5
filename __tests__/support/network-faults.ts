import type { TestLab } from "./lab";

/**
 * Cuts a host off from addresses, as a broken switch does: what goes there or comes from there is dropped without a word. It
 * happens in the host's own network namespace.
 *
 * @returns what heals it
 */
export async function cutOff(
  lab: TestLab,
  host: string,
  ...addresses: readonly string[]
): Promise<() => Promise<void>> {
  const rules = addresses.flatMap((address) => [
    ["PREROUTING", "-s", address],
    ["PREROUTING", "-d", address],
    ["OUTPUT", "-d", address],
  ]);
  const change = async (how: "-I" | "-D") => {
    for (const [chain, ...match] of rules) {
      const outcome = await lab.onHost(host, "iptables", "-w", "-t", "raw", how, chain, ...match, "-j", "DROP");
      if (outcome.code !== 0) throw new Error(`iptables on ${host}: ${outcome.output}`);
    }
  };
  await change("-I");
  return () => change("-D");
}
