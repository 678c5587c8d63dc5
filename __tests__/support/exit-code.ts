import type { Outcome } from "./lab";

declare global {
  // How jest's types are extended.
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace jest {
    interface Matchers<R> {
      /** A program that ended with this exit code; where it did not, the failure shows what it printed. */
      toExit(code: number): R;
    }
  }
}

expect.extend({
  toExit(received: Outcome, expected: number) {
    const { code, output } = received;
    return {
      pass: code === expected,
      message: () =>
        `expected exit code ${this.isNot ? `other than ${expected}` : expected}, received ${code}, with this output:\n${output}`,
    };
  },
});
