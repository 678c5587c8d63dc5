/** Something that the jobs contain and an app cannot have. */
export class ImportProblem extends Error {
  constructor(
    message: string,
    readonly fix: string,
  ) {
    super(message);
  }
}
