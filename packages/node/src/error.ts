// Why tierlift gave no answer, and what the host answers then.

import type { components } from './openapi.js';

/** The stable code of a refusal; `docs/codes` has a page for each. */
export type Code = components['schemas']['Problem']['code'];

const SIGN_IN_OVER: readonly (string | undefined)[] = [
  'token.revoked',
  'token.session_expired',
] satisfies Code[];

export class TierliftError extends Error {
  override readonly name = 'TierliftError';
  /**
   * What the host answers: 401 if the user must sign in again, since their sign-in is too old or was revoked,
   * otherwise 503. Express, Fastify and Koa answer with it by themselves.
   */
  readonly status: 401 | 503;
  /** The status that tierlift answered, if it did. */
  readonly answered: number | undefined;
  /** The code that it refused with. */
  readonly code: Code | undefined;

  constructor(message: string, answered?: number, code?: Code, cause?: unknown) {
    super(message, { cause });
    this.answered = answered;
    this.code = code;
    this.status = answered === 409 && SIGN_IN_OVER.includes(code) ? 401 : 503;
  }

  get statusCode(): 401 | 503 {
    return this.status;
  }

  /** The error of an answer that is no success. */
  static async of(path: string, response: Response): Promise<TierliftError> {
    const problem = (await response.json().catch(() => ({}))) as { code?: Code; detail?: string };
    const reason = problem.detail ?? response.statusText;
    return new TierliftError(
      `${path}: ${response.status} ${reason}`,
      response.status,
      problem.code,
    );
  }
}
