/** A variable, which Nomad replaces in text when it runs a job. */
const VARIABLE = /\$\{[a-zA-Z0-9_\-.]+\}/g;

/** Text with a placeholder for each of Nomad's variables. */
export function withoutVariables(text: string): string {
  return text.replace(VARIABLE, "ENV-VAR");
}

export function holdsVariable(text: string): boolean {
  return text.search(VARIABLE) >= 0;
}

/** Whether text can be the name of a service. */
export function isServiceName(name: string): boolean {
  return /^(?:[a-z0-9]|[a-z0-9][a-z0-9-]{0,61}[a-z0-9])$/i.test(withoutVariables(name));
}
