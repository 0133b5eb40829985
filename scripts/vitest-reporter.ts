import type { Reporter, TestModule, Vitest } from 'vitest/node';

/**
 * Prints the outcome of a run as its very last line, for people who look at a tail and for scripts
 * that look for it: `N passed, N failed`, and `, N skipped` when there were any.
 */
export default class LastLineReporter implements Reporter {
  #watching = false;
  #counts = { passed: 0, failed: 0, skipped: 0 };

  onInit(vitest: Vitest): void {
    this.#watching = vitest.config.watch;
    if (this.#watching) return;
    // Only at exit: whatever stops the servers, or fails to, may still print before that.
    process.once('exit', (exitCode) => {
      // A run that fails in any other way must not say "0 failed".
      if (exitCode !== 0) this.#counts.failed ||= 1;
      this.#print();
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    this.#counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) this.#count(module);
    if (this.#watching) this.#print();
  }

  #count(module: TestModule): void {
    let failedTests = 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'pending') continue;
      this.#counts[state]++;
      if (state === 'failed') failedTests++;
    }
    // A file that cannot be loaded, or whose beforeAll fails, has no failed test.
    if (failedTests === 0 && !module.ok()) this.#counts.failed++;
  }

  #print(): void {
    const { passed, failed, skipped } = this.#counts;
    const tail = skipped > 0 ? `, ${skipped} skipped` : '';
    process.stdout.write(`${passed} passed, ${failed} failed${tail}\n`);
  }
}
