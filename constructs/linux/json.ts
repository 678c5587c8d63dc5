/** Renders a configuration file for either agent: JSON without undefined settings, with a newline at the end. */
export function json(value: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
