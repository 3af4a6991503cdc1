// Who a token is of, and what an account shows.
import jwt from 'jsonwebtoken';

/** The user of a valid token. */
export function userOf(token, jwtSecret) {
  try {
    return jwt.verify(token, jwtSecret, { algorithms: ['HS256'] }).sub;
  } catch {
    return undefined;
  }
}

/** What a user sees of an account, which may be absent. */
export function session(account) {
  return {
    role: account?.role ?? 'free',
    revocationId: account?.revocation_id ?? 0,
    subscriptionActive: account?.subscription_active === 1,
    subscriptionExpiresAt: account?.subscription_expires_at ?? null,
    roleAssignedAt: account?.role_assigned_at ?? null,
  };
}
