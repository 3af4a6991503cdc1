// A page that only the paid plan has. What the client hides, the server has to refuse: here it does.

import { redirect } from 'next/navigation';
import { currentUser } from '@/lib/tierlift';

export default async function Export() {
  const user = await currentUser();
  if (!user?.features.includes('export')) redirect('/');
  return (
    <>
      <h1>Export</h1>
      <p>Your data, {user.userId}.</p>
      <a href="/">Back</a>
    </>
  );
}
