// @ts-check
// The client without a framework: it shows the role, and watches for the upgrade on the return page.

import { createTierClient } from '@tierlift/client';

const client = createTierClient({
  baseUrl: 'https://tier.example.com',
  getToken: () => localStorage.getItem('access_token'),
  onToken: (accessToken) => localStorage.setItem('access_token', accessToken),
  onSignOut: () => localStorage.removeItem('access_token'),
});

const texts = {
  idle: '',
  pending: 'Confirming your payment…',
  upgraded: 'Your upgrade is active.',
  timed_out: 'This is taking longer than usual. Your payment is safe.',
};

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

function render() {
  const { user, upgrade } = client.getSnapshot();
  element('role').textContent = user?.role ?? '…';
  element('upgrade').textContent = texts[upgrade.status];
  element('retry').hidden = upgrade.status !== 'timed_out';
}

client.subscribe(render);
client.start();
element('retry').addEventListener('click', () => void client.watchUpgrade());
if (location.pathname === '/upgrade/return') void client.watchUpgrade();
