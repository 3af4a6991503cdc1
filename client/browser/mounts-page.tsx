// A host's page that mounts the client in Strict Mode as often as the test says, each time a new one, and
// unmounts it once it is live.

import { StrictMode, useEffect, version } from 'react';
import { createRoot } from 'react-dom/client';
import { createTierClient } from '../src/index';
import { SubscriptionStatus, TierProvider, UpgradeStatus, useTier } from '../src/react/index';

declare global {
  /** Mounts, waits until it is live, and unmounts, unless the page is to keep it. */
  var mount: (keep?: boolean) => Promise<void>;
  var reactVersion: string;
  /** Watches for an upgrade. The code of a watch is a script of its own. */
  var watch: () => void;
}

globalThis.reactVersion = version;

const address = new URLSearchParams(location.hash.slice(1));
const toasts = { success: () => undefined, info: () => undefined };

function Page({ onLive }: { onLive: () => void }) {
  const { role, connection } = useTier();
  const live = role !== null && connection === 'open';
  useEffect(() => {
    if (live) onLive();
  }, [live, onLive]);
  return <output data-role={role}>{role}</output>;
}

globalThis.mount = async (keep = false) => {
  const client = createTierClient({
    baseUrl: address.get('baseUrl') ?? '',
    getToken: () => address.get('token'),
  });
  const root = createRoot(document.body.appendChild(document.createElement('div')));
  await new Promise<void>((onLive) => {
    root.render(
      <StrictMode>
        <TierProvider client={client} toasts={toasts}>
          <Page onLive={onLive} />
          <UpgradeStatus />
          <SubscriptionStatus />
        </TierProvider>
      </StrictMode>,
    );
  });
  globalThis.watch = () => void client.watchUpgrade();
  if (keep) return;
  root.unmount();
  document.body.lastElementChild?.remove();
};
