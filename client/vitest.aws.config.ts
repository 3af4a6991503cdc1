// The operators' console in a real Chromium over a stack on an emulator of AWS.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['browser/aws/**/*.aws.ts'],
    fileParallelism: false,
    retry: 0,
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});
