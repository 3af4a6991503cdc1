// Signs in whoever says a name, and out again. Replace it together with lib/session.ts.

import { signIn, signOut } from '@/lib/session';

export async function POST(request: Request): Promise<Response> {
  const { userId } = (await request.json()) as { userId?: unknown };
  if (typeof userId !== 'string' || userId === '') return new Response(null, { status: 400 });
  await signIn(userId);
  return new Response(null, { status: 204 });
}

export async function DELETE(): Promise<Response> {
  await signOut();
  return new Response(null, { status: 204 });
}
