import type { ReactNode } from 'react';
import { signedIn } from '@/lib/tierlift';
import { Tier } from './tier';

export const metadata = { title: 'A host of tierlift' };

export default async function RootLayout({ children }: { children: ReactNode }) {
  const answer = await signedIn();
  return (
    <html lang="en">
      <body>
        <Tier baseUrl={process.env.TIERLIFT_URL ?? ''} initialUser={answer ? answer.user : answer}>
          {children}
        </Tier>
      </body>
    </html>
  );
}
