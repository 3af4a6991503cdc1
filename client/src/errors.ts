// Tells developers what is wrong: in the snapshot, to the host, and for what they must fix in one line
// of the console. It decides nothing and repairs nothing.

import { callHost } from './callback.js';
import type { Environment } from './environment.js';
import type { TierClientOptions } from './options.js';
import type { Store } from './store.js';
import type { TierError, TierErrorCode } from './types.js';

/** Reports an error unless it is the one already known. It returns the error. */
export type Report = (code: TierErrorCode, detail?: string) => TierError;

export interface ReporterOptions {
  options: Pick<TierClientOptions, 'onError' | 'baseUrl'>;
  env: Pick<Environment, 'warn' | 'origin'>;
  store: Pick<Store, 'fail' | 'getSnapshot'>;
  /** Loads what an error means. */
  load: () => Promise<{ sentenceOf: (code: string) => string }>;
}

export function createReporter({ options, env, store, load }: ReporterOptions): Report {
  const warned = new Set<TierErrorCode>();

  /** One line per kind. What was fine before is the network's fault, not the developer's. */
  function warn({ code, message }: TierError): void {
    if (warned.has(code) || (code === 'server.unreachable' && store.getSnapshot().user)) return;
    warned.add(code);
    const warning = `(${message}, ${options.baseUrl ?? env.origin})`;
    load().then(
      ({ sentenceOf }) => {
        const sentence = sentenceOf(code);
        if (sentence) env.warn(`tierlift: ${sentence} ${warning}`);
      },
      () => env.warn(`tierlift: ${warning}`),
    );
  }

  return (code, detail) => {
    const error = { code, message: detail ? `${code}: ${detail}` : code };
    const news = store.getSnapshot().error?.code !== code;
    if (news) warn(error);
    store.fail(error);
    if (news) callHost(() => options.onError?.(error));
    return error;
  };
}
