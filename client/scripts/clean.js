// Empties dist, so that a module that is gone from src is not shipped any longer.
import { rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
