import { session } from '@/lib/session';

export async function POST(): Promise<Response> {
  (await session()).destroy();
  return new Response(null, { status: 204 });
}
