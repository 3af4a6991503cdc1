// The root layout. It asks tierlift for the user on the server, so that a customer's first paint is that
// of the plan that was paid for.

import type { ReactNode } from 'react';
import { TIERLIFT_URL, currentUser } from '@/lib/tierlift';
import { Tier } from './tier';
import './style.css';

export const metadata = { title: 'tierlift with Next.js' };

export default async function RootLayout({ children }: { children: ReactNode }) {
  const user = await currentUser();
  return (
    <html lang="en">
      <body>
        <Tier baseUrl={TIERLIFT_URL} initialUser={user}>
          <main>{children}</main>
          <footer>
            Rendered on the server for {user ? `${user.userId}, ${user.role}` : 'nobody'}.
          </footer>
        </Tier>
      </body>
    </html>
  );
}
