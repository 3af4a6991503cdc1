// The page that Stripe sends the customer back to.

import { redirect } from 'next/navigation';
import { Watch } from './watch';

interface Props {
  searchParams: Promise<{ session_id?: string }>;
}

export default async function Return({ searchParams }: Props) {
  const { session_id: checkoutSessionId } = await searchParams;
  // Without it this is no return from a checkout, but a bookmark: there is nothing to wait for.
  if (checkoutSessionId === undefined) redirect('/');
  return <Watch checkoutSessionId={checkoutSessionId} />;
}
