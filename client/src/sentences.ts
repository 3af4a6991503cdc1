// What an error means, for what a developer must fix.

const SENTENCES: Record<string, string> = {
  'token.failed': 'getToken failed',
  'token.unreadable': 'getToken returned no JWT whose “sub” is a string',
  'token.invalid':
    'the server does not accept the token: compare its secret or issuer, and keep it below 8 KiB',
  'token.missing': 'the server received no token',
  'user.mismatch': 'the server reported another user than the “sub” of the token',
  'server.unreachable': 'no answer: check baseUrl, and that allowed_origins lists this page',
  'server.unexpected': 'the answer is not that of a tierlift server: check baseUrl',
  'base_url.invalid': 'baseUrl is no http or https address',
  'origin.refused': 'allowed_origins does not list this page',
};

/** An empty text for what is no mistake of a developer's. */
export function sentenceOf(code: string): string {
  return SENTENCES[code] ?? '';
}
