import type { Load } from "./steady-load";

/** What faults cost, to be read after a run: a row of Markdown for each. */
export class Figures {
  private readonly rows: string[] = [];

  /**
   * @param fault what happened
   * @param loads what was asked meanwhile, by its name
   * @param more what else was measured, as a sentence without its full stop
   */
  add(fault: string, loads: Readonly<Record<string, Load>>, more = ""): void {
    const row = Object.entries(loads).map(([name, { sent, failed, recoveryMs, answers }]) => {
      const others = [...new Set(answers.filter((answer) => answer !== 200))].slice(0, 4).join(", ");
      return `${name}: ${failed} of ${sent}${failed > 0 ? ` within ${(recoveryMs / 1000).toFixed(1)} s (${others})` : ""}`;
    });
    this.rows.push(`| ${fault} | ${row.join("; ")} | ${more} |`);
  }

  print(): void {
    console.log(["| fault | failed requests | more |", "| --- | --- | --- |", ...this.rows].join("\n"));
  }
}
