// @ts-check
// The client without a framework: shows the plan, offers the paid one, and watches for the upgrade on the
// page that the checkout returns to.

import { createTierClient } from '@tierlift/client';

const client = createTierClient({
  baseUrl: 'https://tier.example.com',
  getToken: async () => {
    const response = await fetch('/api/token');
    // Neither signed in nor signed out: the client keeps what it shows, and asks again.
    if (!response.ok) throw new Error(`/api/token answered ${response.status}`);
    const { accessToken } = /** @type {{ accessToken: string | null }} */ (await response.json());
    return accessToken;
  },
  onSignOut: () => void leave(),
});

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {import('@tierlift/client').UpgradeView} upgrade */
function messageOf({ status, paymentKnown }) {
  if (status === 'pending') return 'Confirming your payment…';
  if (status === 'upgraded') return 'Your upgrade is active.';
  if (status === 'idle') return '';
  return paymentKnown
    ? 'This is taking longer than usual. Your payment has arrived.'
    : 'We do not see a payment yet. If you have paid, your plan appears here by itself.';
}

function render() {
  const { status, user, error, upgrade } = client.getSnapshot();
  const waiting = upgrade.status === 'pending' || upgrade.status === 'timed_out';
  element('plan').hidden = status === 'signed_out';
  element('role').textContent = user?.role ?? (error ? 'not known right now' : '…');
  element('upgrade').textContent = messageOf(upgrade);
  element('late').hidden = upgrade.status !== 'timed_out';
  element('sign-in').hidden = status !== 'signed_out';
  element('sign-out').hidden = user === null;
  // A payment is under way, perhaps in another tab: do not offer to pay again, unless it is dismissed.
  element('offer').hidden = user === null || waiting || client.hasRole('paid');
}

/** What was just bought. Without the checkout's id, this is no return from a checkout. */
function watchCheckout() {
  const checkoutSessionId = new URLSearchParams(location.search).get('session_id');
  if (location.pathname !== '/upgrade/return' || checkoutSessionId === null) return;
  void client.watchUpgrade({ role: 'paid', checkoutSessionId });
}

/** Ends this server's own session. */
const leave = () => fetch('/api/session', { method: 'DELETE' });

/** @param {HTMLFormElement} form */
async function signIn(form) {
  const userId = new FormData(form).get('user');
  await fetch('/api/session', { method: 'POST', body: JSON.stringify({ userId }) });
  client.signedIn();
}

element('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  void signIn(/** @type {HTMLFormElement} */ (event.target));
});
// This server's session first: a tab that asks for a token in between is given one.
element('sign-out').addEventListener('click', () => void leave().then(() => client.signOut()));
element('dismiss').addEventListener('click', () => client.dismissUpgrade());
element('retry').addEventListener('click', () => {
  // The button goes away while it is checked, and must not take the focus with it.
  element('upgrade').focus();
  const { role, checkoutSessionId } = client.getSnapshot().upgrade;
  void client.watchUpgrade({
    ...(role && { role }),
    ...(checkoutSessionId && { checkoutSessionId }),
  });
});

client.subscribe(render);
client.start();
render();
watchCheckout();
