// Small things that several views show.

import { useEffect, useRef } from 'react';
import type { ReactNode } from 'react';
import { Icon } from '../../parts/icons';
import type { Refused } from './api';
import { ago, time } from './format';
import { to } from './place';

/** A view begins at its heading, for those who read with the keyboard or hear the page, unless a field has the focus. */
function useFocus() {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (document.activeElement instanceof HTMLInputElement) return;
    heading.current?.focus({ preventScroll: true });
  }, []);
  return heading;
}

export function Heading({ children, back }: { children: ReactNode; back?: string }) {
  const heading = useFocus();
  return (
    <div className="heading">
      {back !== undefined && (
        <a className="ghost square" href={back} aria-label="Back" data-key="Escape">
          <Icon name="back" />
        </a>
      )}
      <h1 tabIndex={-1} ref={heading}>
        {children}
      </h1>
    </div>
  );
}

/** What the server refused, or what is still on its way. */
export function Missing({ error }: { error: Refused | null }) {
  if (error === null) return <div className="boot" role="progressbar" aria-label="Loading" />;
  return (
    <div className="card nothing" role="alert">
      <p>{error.message}</p>
      <a href={`/codes/${encodeURIComponent(error.code)}`} target="_blank" rel="noreferrer">
        {error.code}
      </a>
    </div>
  );
}

export const Ago = ({ at }: { at: string }) => (
  <time dateTime={at} title={time(at)}>
    {ago(at)}
  </time>
);

export const UserLink = ({ id }: { id: string }) => <a href={to('user', id)}>{id}</a>;
export const EventLink = ({ id }: { id: string }) => <a href={to('event', id)}>{id}</a>;
export const CustomerLink = ({ id }: { id: string }) => <a href={to('customer', id)}>{id}</a>;

/** The page of a code, which says what to do about it. */
export const CodeLink = ({ code }: { code: string }) => (
  <a href={`/codes/${encodeURIComponent(code)}`} target="_blank" rel="noreferrer" className="code">
    {code}
  </a>
);

export function Role({ name, change }: { name: string; change?: 'from' | 'to' }) {
  return <span className={`role-chip ${change ?? ''}`}>{name}</span>;
}
