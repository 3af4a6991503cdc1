// A host's page that mounts the client in Strict Mode as often as the test says, each time a new one, and
// unmounts it once it shows the role.

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createTierClient } from '../src/index';
import { SubscriptionStatus, TierProvider, UpgradeStatus, useTier } from '../src/react/index';

declare global {
  /** Mounts, waits for the role, and unmounts, unless the page is to keep it. */
  var mount: (keep?: boolean) => Promise<void>;
}

const address = new URLSearchParams(location.hash.slice(1));
const toasts = { success: () => undefined, info: () => undefined };

function Page({ onRole }: { onRole: () => void }) {
  const { role } = useTier();
  if (role !== null) queueMicrotask(onRole);
  return <output data-role={role}>{role}</output>;
}

globalThis.mount = async (keep = false) => {
  const client = createTierClient({
    baseUrl: address.get('baseUrl') ?? '',
    getToken: () => address.get('token'),
  });
  const root = createRoot(document.body.appendChild(document.createElement('div')));
  await new Promise<void>((onRole) => {
    root.render(
      <StrictMode>
        <TierProvider client={client} toasts={toasts}>
          <Page onRole={onRole} />
          <UpgradeStatus />
          <SubscriptionStatus />
        </TierProvider>
      </StrictMode>,
    );
  });
  if (keep) return;
  root.unmount();
  document.body.lastElementChild?.remove();
};
