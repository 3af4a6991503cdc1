// Opens a checkout. The user's id is sent twice: with the checkout, and with the subscription, whose
// later events do not mention the checkout.

import Stripe from 'stripe';
import { signedInUser } from '@/lib/session';

const APP_URL = process.env.APP_URL ?? 'http://127.0.0.1:3000';

export async function POST(): Promise<Response> {
  const userId = await signedInUser();
  if (userId === null) return Response.redirect(APP_URL, 303);
  const stripe = new Stripe(process.env.STRIPE_SECRET_KEY ?? '');
  const checkout = await stripe.checkout.sessions.create({
    mode: 'subscription',
    line_items: [{ price: process.env.STRIPE_PRICE ?? '', quantity: 1 }],
    client_reference_id: userId,
    subscription_data: { metadata: { user_id: userId } },
    // Stripe fills in the id, by which the return page knows that there was a checkout.
    success_url: `${APP_URL}/upgrade/return?session_id={CHECKOUT_SESSION_ID}`,
    cancel_url: APP_URL,
  });
  return Response.redirect(checkout.url ?? APP_URL, 303);
}
