import { signedIn } from '@/lib/tierlift';

export async function GET(): Promise<Response> {
  const answer = await signedIn();
  if (!answer) return new Response(null, { status: answer === null ? 401 : 503 });
  return Response.json(answer, { headers: { 'cache-control': 'no-store' } });
}
