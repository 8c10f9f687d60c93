import { defineConfig } from 'vitest/config';

/** These tests send signals, or run shell scripts. */
const POSIX_ONLY = [
  'test/main.test.ts',
  'test/demo.test.ts',
  'test/gate.test.ts',
  'test/heals/heals.test.ts',
  'test/azure/identity/token-cache.test.ts',
  'test/azure/recording.test.ts',
  'test/explain/bash.test.ts',
  'test/explain/properties.test.ts',
];

export default defineConfig({
  test: {
    // Most tests wait for retries of the SDK or for a process, so more files than cores can run at once.
    maxWorkers: 4,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [
            'test/cluster/cluster.test.ts',
            'test/commands/commands.test.ts',
            'test/container/**',
            'test/browser/**',
            'test/faults/**',
            ...(process.platform === 'win32' ? POSIX_ONLY : []),
          ],
          // These limits are for tests that hang. A test that is slow on a busy machine must not fail.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      // These run in their own network: test/faults/rig.sh.
      {
        test: {
          name: 'faults',
          include: ['test/faults/*.test.ts'],
          fileParallelism: false,
          // For tests that hang: a busy machine takes a minute for some.
          testTimeout: 240_000,
        },
      },
      // These ask the real az and kubectl, which are slow to start.
      { test: { name: 'commands', include: ['test/commands/commands.test.ts'], testTimeout: 120_000 } },
      { test: { name: 'browser', include: ['test/browser/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 } },
      // These are slow and use the machine's own ports.
      {
        test: {
          name: 'container',
          include: ['test/container/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 1_200_000,
        },
      },
      // These run on the cluster that kubectl reaches.
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/cluster.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
