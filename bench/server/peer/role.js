// The peer's decision, pure: subscriptions of a customer → grant → role of the user. Order is that of
// `created` alone, as most integrations do it; an older event than the last one applied is stale.
// It refuses a price that the plan map does not name.
const ROLES = ['free', 'paid'];
const PLANS = { price_pro: 'paid' };
const NO_GRANT = { role: 'free', until: null };
const GRANTING_STATUSES = new Set(['active', 'trialing', 'past_due']);

export function applyToCustomer(before, event) {
  const object = event.data.object;
  const customer = before ?? { id: object.customer, user: null, subscriptions: {} };
  const known = customer.subscriptions[object.id];
  if (known !== undefined && event.created < known.created) return { customer, outcome: 'stale' };
  customer.user ??= object.metadata?.user_id ?? null;
  customer.subscriptions[object.id] = subscriptionOf(event, object);
  return { customer, outcome: customer.user === null ? 'unlinked' : 'applied' };
}

export function applyToAccount(before, customer, now) {
  const previousRole = before?.role ?? 'free';
  const grants = { ...before?.grants, [customer.id]: grantOf(customer) };
  const best = highest(Object.values(grants));
  const changed = best.role !== previousRole;
  const account = {
    user: customer.user,
    role: best.role,
    revocation_id: (before?.revocation_id ?? 0) + (changed ? 1 : 0),
    grants,
    subscription_active: best.role === 'free' ? 0 : 1,
    subscription_expires_at: best.until === null ? null : new Date(best.until * 1000).toISOString(),
    role_assigned_at: changed ? now.toISOString() : (before?.role_assigned_at ?? null),
  };
  return { account, previousRole, changed, upgraded: rank(best.role) > rank(previousRole) };
}

function subscriptionOf(event, object) {
  const live = event.type !== 'customer.subscription.deleted' && GRANTING_STATUSES.has(object.status);
  const grants = object.items.data.map((item) => ({
    role: roleOf(item.price.id),
    until: item.current_period_end ?? object.current_period_end ?? null,
  }));
  const { role, until } = live ? highest(grants) : NO_GRANT;
  return { created: event.created, status: object.status, role, until };
}

function grantOf(customer) {
  return highest(Object.values(customer.subscriptions));
}

function roleOf(price) {
  const role = PLANS[price];
  if (role === undefined) throw new Error(`plan.unmapped: ${price}`);
  return role;
}

function highest(grants) {
  let best = NO_GRANT;
  for (const grant of grants) {
    if (rank(grant.role) > rank(best.role)) best = { role: grant.role, until: grant.until };
  }
  return best;
}

function rank(role) {
  return ROLES.indexOf(role);
}
