// What stands around every view: the places, who is signed in, and the help.

import { useState } from 'react';
import type { ReactNode } from 'react';
import { Icon } from '../../parts/icons';
import { ThemeButton } from '../../parts/ThemeButton';
import { Help } from './Help';
import { useAnswer } from './answer';
import { useCaller } from './caller';
import { count } from './format';
import { to } from './place';
import { setToken } from './token';
import type { Status } from './types';

const PLACES = [
  { name: 'Overview', at: '', icon: 'chart', keys: 'g o', inside: ['', 'waiting', 'webhooks'] },
  {
    name: 'Dead letters',
    at: 'dead-letters',
    icon: 'envelope',
    keys: 'g d',
    inside: ['dead-letters'],
  },
  {
    name: 'Search',
    at: 'search',
    icon: 'search',
    keys: 'g s',
    inside: ['search', 'event', 'customer', 'user'],
  },
  { name: 'Audit', at: 'audit', icon: 'book', keys: 'g a', inside: ['audit'] },
] as const;

const STATUS_MS = 5_000;

function Places({ at }: { at: string }) {
  const { data: status } = useAnswer<Status>('/status', STATUS_MS);
  const dead = status?.deadLetters ?? 0;
  return (
    <nav aria-label="Places">
      <ul>
        {PLACES.map((place) => (
          <li key={place.name}>
            <a
              href={place.at === '' ? '#/' : to(place.at)}
              aria-current={(place.inside as readonly string[]).includes(at) ? 'page' : undefined}
            >
              <Icon name={place.icon} />
              <span>{place.name}</span>
              {place.at === 'dead-letters' && dead > 0 && (
                <b className="badge" aria-label={`${count(dead)} of them`}>
                  {count(dead)}
                </b>
              )}
              <kbd aria-hidden="true">{place.keys}</kbd>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

export function Frame({ at, children }: { at: string; children: ReactNode }) {
  const caller = useCaller();
  const [helping, setHelping] = useState(false);
  return (
    <div className="frame">
      <a className="skip" href="#main" onClick={skip}>
        Skip to content
      </a>
      <header className="side">
        <a className="brand" href="#/" aria-label="tierlift console, overview">
          <span className="brand-mark">
            <Icon name="mark" />
          </span>
          tierlift <span className="brand-sub">console</span>
        </a>
        <Places at={at} />
        <div className="side-end">
          <span className="who" title={caller.right === 'act' ? 'may act' : 'may only read'}>
            <Icon name="user" /> {caller.name}
            {caller.right === 'read' && <span className="chip">read-only</span>}
          </span>
          <div className="side-buttons">
            <button
              className="ghost square"
              data-key="?"
              aria-label="Keyboard help"
              onClick={() => setHelping(true)}
            >
              <Icon name="keys" />
            </button>
            <ThemeButton />
            <button className="ghost square" aria-label="Sign out" onClick={() => setToken(null)}>
              <Icon name="out" />
            </button>
          </div>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      {helping && <Help onClose={() => setHelping(false)} />}
    </div>
  );
}

/** The fragment is the place, so the link only moves the focus. */
function skip(event: { preventDefault: () => void }): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
