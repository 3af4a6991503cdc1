import { signedIn } from '@/lib/tierlift';

export async function GET(): Promise<Response> {
  const answer = await signedIn();
  if (!answer) return new Response(null, { status: 401 });
  return Response.json(answer, { headers: { 'cache-control': 'no-store' } });
}
