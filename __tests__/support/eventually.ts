/**
 * Repeats an expectation until it holds.
 *
 * @param expectation what throws as long as it does not hold
 * @param timeoutMs when to give up, with what the expectation last said
 */
export async function eventually<T>(expectation: () => Promise<T>, timeoutMs = 30_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await expectation();
    } catch (error) {
      if (Date.now() > end) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
