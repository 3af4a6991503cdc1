import { defineConfig } from 'vitest/config';

// Limits for a test that hangs, on a machine that is busy.
export default defineConfig({ test: { retry: 0, testTimeout: 60_000, hookTimeout: 60_000 } });
