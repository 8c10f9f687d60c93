import { defineConfig } from 'vitest/config';

/** They send signals, or have an Azure CLI that is a shell script. */
const POSIX_ONLY = [
  'test/main.test.ts',
  'test/demo.test.ts',
  'test/azure/identity/token-cache.test.ts',
  'test/azure/diagnosis/diagnose.test.ts',
];

export default defineConfig({
  test: {
    // Most tests wait, for the retries of the SDK or for a process: more files than cores can run at once.
    maxWorkers: 4,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [
            'test/cluster/cluster.test.ts',
            'test/container/**',
            'test/browser/**',
            'test/faults/**',
            ...(process.platform === 'win32' ? POSIX_ONLY : []),
          ],
          // For a test that hangs, not for one that is slow: a busy machine must not fail it.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      // In a network of their own: test/faults/rig.sh.
      {
        test: {
          name: 'faults',
          include: ['test/faults/*.test.ts'],
          fileParallelism: false,
          testTimeout: 90_000,
        },
      },
      { test: { name: 'browser', include: ['test/browser/*.test.ts'], testTimeout: 60_000 } },
      // Slow, and on the machine's own ports.
      {
        test: {
          name: 'container',
          include: ['test/container/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 1_200_000,
        },
      },
      // On the cluster that kubectl reaches.
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
