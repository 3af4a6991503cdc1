// Mounts the console.

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import { takeFromFragment } from './token';
import '../../parts/theme.css';
import '../../parts/base.css';
import '../../parts/components.css';
import './style/frame.css';
import './style/overview.css';
import './style/lists.css';
import './style/dead-letter.css';
import './style/dialog.css';
import './style/responsive.css';

takeFromFragment();

const root = document.getElementById('root');
if (!root) throw new Error('the page has no #root');

createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
