/**
 * An error that a person can act on. The command line prints it as two sentences, without a stack trace, and ends with
 * exit code 1. Anything else that is thrown counts as a defect of Meshform.
 */
export class LabError extends Error {
  /**
   * @param problem What went wrong, as a whole sentence; an engine's own last lines may follow it.
   * @param fix What the reader can do about it, as a whole sentence.
   */
  constructor(
    readonly problem: string,
    readonly fix: string,
    options?: ErrorOptions,
  ) {
    super(`${problem} ${fix}`, options);
    this.name = "LabError";
  }
}
