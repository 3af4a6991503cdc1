import { session } from '@/lib/session';

export async function POST(request: Request): Promise<Response> {
  const current = await session();
  current.user = String((await request.formData()).get('user'));
  current.at = Math.floor(Date.now() / 1000);
  await current.save();
  return new Response(null, { status: 303, headers: { location: '/' } });
}
