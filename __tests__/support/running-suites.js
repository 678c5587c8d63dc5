/** How often it is said what runs, in milliseconds. */
const EVERY_MS = 5 * 60_000;

/**
 * Says now and then which suites have run for long. Without a terminal jest prints only what has ended, so of a run that was cut
 * off nobody would learn which suite it waited for.
 */
module.exports = class RunningSuites {
  started = new Map();

  onRunStart() {
    this.timer = setInterval(() => {
      const now = Date.now();
      const long = [...this.started].filter(([, at]) => now - at > EVERY_MS);
      for (const [path, at] of long) console.error(`RUNS ${path} (for ${Math.round((now - at) / 1000)} s)`);
    }, EVERY_MS);
    this.timer.unref();
  }

  onTestFileStart({ path }) {
    this.started.set(path, Date.now());
  }

  onTestFileResult({ path }) {
    this.started.delete(path);
  }

  onRunComplete() {
    clearInterval(this.timer);
  }
};
