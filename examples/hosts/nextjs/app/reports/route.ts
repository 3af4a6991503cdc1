// A route for those who have paid, whatever they had when they signed in.
import { signedIn } from '@/lib/tierlift';

export async function GET(): Promise<Response> {
  const answer = await signedIn();
  if (!answer) return new Response(null, { status: answer === null ? 401 : 503 });
  const { user } = answer;
  if (!user.features.includes('export')) return new Response(null, { status: 403 });
  return new Response(`the report of ${user.userId}`);
}
