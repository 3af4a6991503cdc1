// Mounts the demo. The page is one document; `?checkout` and `?return` are its other two views.

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { TierProvider } from '@tierlift/client/react';
import { App } from './App';
import { client } from './client';
import { toasts, watchChanges } from './measure';
import './style.css';

const root = document.getElementById('root');
if (!root) throw new Error('the page has no #root');

watchChanges(client);

createRoot(root).render(
  <StrictMode>
    <TierProvider
      client={client}
      toasts={toasts}
      toastTexts={{
        upgraded: ({ user }) => `You’re on the ${user.role} plan. Everything is unlocked.`,
        downgraded: ({ user }) => `You’re back on the ${user.role} plan.`,
      }}
    >
      <App />
    </TierProvider>
  </StrictMode>,
);
