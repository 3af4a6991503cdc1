// Empties dist, so that a module that was deleted from src is no longer shipped.
import { rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
