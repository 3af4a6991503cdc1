// Chooses the view: the sign-in, or the place in the address within the frame.

import { useEffect, useSyncExternalStore } from 'react';
import { Audit } from './Audit';
import { Customer } from './Customer';
import { DeadLetters } from './DeadLetters';
import { Discarded } from './Discarded';
import { Event } from './Event';
import { Frame } from './Frame';
import { Group } from './Group';
import { Overview } from './Overview';
import { Search } from './Search';
import { SignIn } from './SignIn';
import { User } from './User';
import { Waiting } from './Waiting';
import { Webhooks } from './Webhooks';
import { useAnswer } from './answer';
import { CallerContext } from './caller';
import { useKeys } from './keys';
import { usePlace } from './place';
import { getToken, onToken } from './token';
import type { Caller } from './types';

function View({ place }: { place: string[] }) {
  const [kind = '', ...rest] = place;
  const [first = '', second = '', third] = rest;
  switch (kind) {
    case 'dead-letters':
      if (first === 'discarded') return <Discarded />;
      if (first === '' || second === '') return <DeadLetters by={first || 'cause'} />;
      return <Group by={first} of={second} event={third ?? null} key={`${first} ${second}`} />;
    case 'search':
      return <Search />;
    case 'event':
      return <Event id={first} key={first} />;
    case 'customer':
      return <Customer id={first} key={first} />;
    case 'user':
      return <User id={first} key={first} />;
    case 'waiting':
      return <Waiting />;
    case 'webhooks':
      return <Webhooks />;
    case 'audit':
      return <Audit />;
    default:
      return <Overview />;
  }
}

/** A new place begins at its top. */
function useTopOf(place: string): void {
  useEffect(() => scrollTo(0, 0), [place]);
}

function Console() {
  const place = usePlace();
  const { data: caller } = useAnswer<Caller>('/token');
  useKeys();
  useTopOf(place.slice(0, 3).join('/'));
  if (caller === null) return <div className="boot" role="progressbar" aria-label="Loading" />;
  return (
    <CallerContext value={caller}>
      <Frame at={place[0] ?? ''}>
        <View place={place} />
      </Frame>
    </CallerContext>
  );
}

export function App() {
  const token = useSyncExternalStore(onToken, getToken);
  return token === null ? <SignIn /> : <Console key={token} />;
}
