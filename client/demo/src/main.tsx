// Mounts the demo. The page is one document: `?checkout` selects the checkout, and `?return` is where
// the checkout returns to.

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { TierProvider } from '@tierlift/client/react';
import { App } from './App';
import { client } from './client';
import { toasts, watchChanges } from './measure';
import '../../parts/theme.css';
import '../../parts/base.css';
import './style/header.css';
import '../../parts/components.css';
import './style/sign-in.css';
import './style/home.css';
import './style/premium.css';
import './style/live.css';
import './style/controls.css';
import './style/timeline.css';
import './style/checkout.css';
import './style/responsive.css';

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
