// Tells developers what is wrong: in the snapshot, to the host, and for what they must fix in one line
// of the console. It decides nothing and repairs nothing.

import { callHost } from './callback.js';
import type { Environment } from './environment.js';
import type { TierClientOptions } from './options.js';
import type { Store } from './store.js';
import type { TierError, TierErrorCode } from './types.js';

const MESSAGES: Record<string, string> = {
  'token.failed': 'getToken failed',
  'token.unreadable': 'getToken returned no JWT with a “sub”',
  'token.invalid': 'the server does not accept the token: compare its secret or issuer',
  'token.missing': 'the server received no token',
  'user.mismatch': 'the server reported another user than the “sub” of the token',
  'server.unreachable': 'no answer: check baseUrl, and that allowed_origins lists this page',
  'server.unexpected': 'the answer is not that of a tierlift server: check baseUrl',
  'base_url.invalid': 'baseUrl is no http or https address',
  'origin.refused': 'allowed_origins does not list this page',
};

/** Reports an error unless it is the one already known. It returns the error. */
export type Report = (code: TierErrorCode, detail?: string) => TierError;

export interface ReporterOptions {
  options: Pick<TierClientOptions, 'onError' | 'baseUrl'>;
  env: Pick<Environment, 'warn' | 'origin'>;
  store: Pick<Store, 'fail' | 'getSnapshot'>;
}

export function createReporter({ options, env, store }: ReporterOptions): Report {
  const warned = new Set<TierErrorCode>();

  /** One line per kind. What was fine before is the network's fault, not the developer's. */
  function warn({ code, message }: TierError): void {
    const known = MESSAGES[code];
    const away = code === 'server.unreachable' && store.getSnapshot().user !== null;
    if (!known || away || warned.has(code)) return;
    warned.add(code);
    env.warn(`tierlift: ${message} (${code}, ${options.baseUrl ?? env.origin})`);
  }

  return (code, detail) => {
    const message = [MESSAGES[code] ?? code, detail].filter(Boolean).join(': ');
    const error = { code, message };
    const news = store.getSnapshot().error?.code !== code;
    if (news) warn(error);
    store.fail(error);
    if (news) callHost(() => options.onError?.(error));
    return error;
  };
}
