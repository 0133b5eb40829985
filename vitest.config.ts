import { defineConfig } from 'vitest/config';
import LastLineReporter from './scripts/vitest-reporter.ts';

// Workspace packages resolve to their sources: tests never run yesterday's build. The rest are
// Vite's own conditions, which a list of our own would otherwise replace.
const conditions = ['@copyline/source', 'module', 'node', 'development|production'];

const soak = process.env['COPYLINE_SOAK'] === '1';

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: [
      'libs/*/src/**/*.test.ts',
      'libs/*/test/**/*.test.ts',
      'apps/*/src/**/*.test.ts',
      'apps/*/test/**/*.test.ts',
      'e2e/**/*.test.ts',
    ],
    globalSetup: ['libs/testkit/src/servers/shared-servers.ts'],
    // Processes, not threads: tests start servers, change directories and get killed.
    pool: 'forks',
    // A process runs one file after another and keeps the modules: loading them anew for each file took
    // half of a worker's time. So a test leaves nothing behind in its process: see CONTRIBUTING.md.
    isolate: false,
    unstubEnvs: true,
    // One more than the cores of the smallest machine: tests wait for servers much of their time.
    maxWorkers: 3,
    fileParallelism: true,
    // Real servers on small machines; waiting inside tests is bounded, with a better message.
    testTimeout: soak ? 3_600_000 : 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    reporters: ['default', new LastLineReporter()],
  },
});
