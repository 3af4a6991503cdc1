// @vitest-environment node
// A server has no window: importing, creating and rendering must not touch one.

import { renderToString } from 'react-dom/server';
import { expect, it } from 'vitest';
import { createTierClient } from '../src/index.js';
import {
  RequireFeature,
  SubscriptionStatus,
  TierProvider,
  UpgradeStatus,
  useTier,
} from '../src/react/index.js';

function Page() {
  const { status, role, features, has } = useTier();
  return <p>{`${status} ${role} ${features.length} ${has('export')}`}</p>;
}

it('renders without a window, and asks for no token', () => {
  expect(globalThis).not.toHaveProperty('window');
  const client = createTierClient({
    getToken: () => {
      throw new Error('not on a server');
    },
  });
  const html = renderToString(
    <TierProvider client={client}>
      <Page />
      <UpgradeStatus />
      <SubscriptionStatus className="subscription" />
      <RequireFeature feature="export" fallback="Buy it">
        Export
      </RequireFeature>
    </TierProvider>,
  );
  expect(html).toContain('loading null 0 false');
  expect(html).toMatch(/class="subscription" role="status"[^>]*><\/div>$/);
  expect(html).toContain('aria-live="polite"');
});
