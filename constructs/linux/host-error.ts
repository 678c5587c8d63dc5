/** A host that cannot be rendered. */
export class HostError extends Error {
  /**
   * @param problem one sentence: what is wrong, with the value received
   * @param fix one sentence: what to do
   */
  constructor(
    readonly problem: string,
    readonly fix: string,
  ) {
    super(`${problem} ${fix}`);
    this.name = "HostError";
  }
}
