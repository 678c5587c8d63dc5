/** A configuration file that both agents accept: JSON, with absent settings left out, ending in a newline. */
export function json(value: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
