// The root layout: everything below it can read the tier.

import type { ReactNode } from 'react';
import { Tier } from './tier';

export default function RootLayout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <Tier>{children}</Tier>
      </body>
    </html>
  );
}
