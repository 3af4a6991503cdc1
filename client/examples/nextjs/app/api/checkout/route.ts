// Opens a checkout. The user's id is sent twice: with the checkout, and with the subscription, whose
// later events do not mention the checkout.

import Stripe from 'stripe';

export async function POST(request: Request): Promise<Response> {
  const stripe = new Stripe(process.env.STRIPE_SECRET_KEY ?? '');
  const userId = await signedInUser(request);
  if (userId === null) return new Response(null, { status: 401 });
  const checkout = await stripe.checkout.sessions.create({
    mode: 'subscription',
    line_items: [{ price: process.env.STRIPE_PRICE ?? '', quantity: 1 }],
    client_reference_id: userId,
    subscription_data: { metadata: { user_id: userId } },
    success_url: new URL('/upgrade/return', request.url).href,
    cancel_url: new URL('/', request.url).href,
  });
  return Response.redirect(checkout.url ?? new URL('/', request.url), 303);
}

/** Replace this with your own session. Here a cookie holds the token, and tierlift returns its user. */
async function signedInUser(request: Request): Promise<string | null> {
  const token = /access_token=([^;]+)/.exec(request.headers.get('cookie') ?? '')?.[1];
  const headers = { authorization: `Bearer ${token ?? ''}` };
  const response = await fetch('https://tier.example.com/session', { headers });
  if (!response.ok) return null;
  const { userId } = (await response.json()) as { userId: string };
  return userId;
}
