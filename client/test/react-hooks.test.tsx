// @vitest-environment happy-dom
// When a component renders, and what its types allow: the hooks and guards over a client whose snapshot
// the test sets.

import { act, memo, StrictMode } from 'react';
import type { ReactNode } from 'react';
import { createRoot, hydrateRoot } from 'react-dom/client';
import type { Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTierClient } from '../src/index.js';
import {
  RequireFeature,
  RequireRole,
  TierProvider,
  useHasFeature,
  useHasRole,
  useTier,
  useTierSelector,
} from '../src/react/index.js';
import { createUser } from './fake-server.js';
import { createStubClient } from './stub-client.js';
import type { StubClient } from './stub-client.js';

const ROLES = ['free', 'paid', 'pro'];

let client: StubClient;
let root: Root;
let host: HTMLElement;

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  client = createStubClient();
  host = document.createElement('div');
  root = createRoot(host);
});

afterEach(() => {
  act(() => root.unmount());
  vi.unstubAllGlobals();
});

const render = (children: ReactNode) =>
  act(() => root.render(<TierProvider client={client}>{children}</TierProvider>));

const shows = (role: string, features: string[] = []) =>
  act(() =>
    client.patch({ status: 'ready', roles: ROLES, user: createUser('u1', { role, features }) }),
  );

/** A socket that is refused again and again, as seen for 20 s behind a strict proxy. */
const refuse = () => {
  for (let n = 0; n < 13; n += 1) {
    act(() => client.patch({ connection: n % 2 === 0 ? 'waiting' : 'dialing' }));
  }
};

describe('a component that asks one question', () => {
  const questions: [string, () => unknown, unknown][] = [
    ['useHasRole', () => useHasRole('paid'), true],
    ['useHasFeature', () => useHasFeature('export'), true],
    ['useTierSelector', () => useTierSelector(({ user }) => user?.role), 'paid'],
  ];

  it.each(questions)('%s renders only when the answer changes', (_, useAnswer, answer) => {
    const seen: unknown[] = [];
    const Asking = memo(function Asking() {
      seen.push(useAnswer());
      return null;
    });
    render(<Asking />);
    shows('free');
    const before = seen.length;
    refuse();
    expect(seen).toHaveLength(before);
    shows('paid', ['export']);
    expect(seen).toHaveLength(before + 1);
    expect(seen.at(-1)).toBe(answer);
    refuse();
    expect(seen).toHaveLength(before + 1);
  });

  it('may select a new object each time', () => {
    const seen: object[] = [];
    function Asking() {
      seen.push(useTierSelector(({ user, roles }) => ({ user, roles })));
      return null;
    }
    render(<StrictMode children={<Asking />} />);
    shows('paid');
    expect(seen.at(-1)).toEqual({ user: client.getSnapshot().user, roles: ROLES });
  });
});

describe('a role', () => {
  const Answers = () => {
    const { hasRole } = useTier();
    return ['free', 'paid', 'pro', 'other'].map((role) => String(hasRole(role))).join();
  };

  it('includes all lower ones, and nothing before the server has reported it', () => {
    render(<Answers />);
    expect(host.textContent).toBe('false,false,false,false');
    shows('paid');
    expect(host.textContent).toBe('true,true,false,false');
    shows('other');
    expect(host.textContent).toBe('false,false,false,true');
  });

  it('is checked by the compiler for a host that names its roles', () => {
    type Role = 'free' | 'pro';
    const typed = createTierClient<Role>({ getToken: () => null });
    const Page = () => {
      const { role, hasRole } = useTier<Role>();
      // @ts-expect-error: there is no such role.
      if (role === 'piad') return null;
      // @ts-expect-error: there is no such role.
      return String(useHasRole<Role>('piad') || hasRole('piad') || hasRole('pro'));
    };
    expect(renderToString(<TierProvider client={typed} children={<Page />} />)).toBe('false');
  });
});

describe('a guard', () => {
  const guards = [
    ['RequireRole', <RequireRole role="paid" fallback="Buy it" children="Export" />],
    ['RequireFeature', <RequireFeature feature="export" fallback="Buy it" children="Export" />],
  ] as const;

  it.each(guards)('%s offers nothing before it is known what was bought', (_, guard) => {
    render(guard);
    expect(host.textContent).toBe('');
    act(() =>
      client.patch({ status: 'error', error: { code: 'server.unreachable', message: '' } }),
    );
    expect(host.textContent).toBe('');
    shows('free');
    expect(host.textContent).toBe('Buy it');
    shows('pro', ['export']);
    expect(host.textContent).toBe('Export');
    act(() => client.patch({ status: 'signed_out', user: null }));
    expect(host.textContent).toBe('Buy it');
  });
});

describe('a page that a server has rendered with its user', () => {
  it('shows the plan in its first paint and keeps it, without a mismatch', async () => {
    const user = { ...createUser('u1', { role: 'pro', features: ['export'] }), roles: ROLES };
    const options = { getToken: () => null, initialUser: user };
    const seen: (string | null)[] = [];
    function Page() {
      const { role, has, hasRole, status } = useTier();
      return <output>{`${role} ${hasRole('paid')} ${has('export')} ${status}`}</output>;
    }
    const page = (own: ReturnType<typeof createTierClient>) => (
      <TierProvider client={own} children={<Page />} />
    );
    host = document.createElement('div');
    host.innerHTML = renderToString(page(createTierClient(options)));
    expect(host.textContent).toBe('pro true true ready');
    const observer = new MutationObserver(() => seen.push(host.textContent));
    observer.observe(host, { subtree: true, childList: true, characterData: true });
    const failed = vi.fn();
    const hydrated = createTierClient({ ...options, getToken: () => new Promise(() => undefined) });
    root = await act(() =>
      Promise.resolve(hydrateRoot(host, page(hydrated), { onRecoverableError: failed })),
    );
    observer.disconnect();
    expect(seen).toEqual([]);
    expect(failed).not.toHaveBeenCalled();
    expect(host.textContent).toBe('pro true true ready');
  });
});
