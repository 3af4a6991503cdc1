'use client';
import { useEffect, useState } from 'react';
import { useTier } from '@tierlift/client/react';
import { leave } from './tier';

export default function Page() {
  const { status, role, user, client } = useTier();
  const report = useReport(user);
  // The host's session ends first: no tab is given a token in between, and stays.
  const signOut = () => void leave().then(() => client.signOut());
  if (status === 'signed_out') return <SignIn />;
  return (
    <>
      <p>
        Your plan: <output id="role">{role ?? '…'}</output>
      </p>
      <p id="report" role="status">
        {report}
      </p>
      <button onClick={signOut}>Sign out</button>
    </>
  );
}

function SignIn() {
  return (
    <form action="/login" method="post">
      <label>
        Any name will do <input name="user" required autoComplete="username" />
      </label>
      <button>Sign in</button>
    </form>
  );
}

/** What this host's own guarded route says, asked again with each change. */
function useReport(user: object | null): string {
  const [report, setReport] = useState('');
  useEffect(() => {
    let current = true;
    const read = async () => {
      const response = await fetch('/reports');
      const text = response.ok ? await response.text() : `refused: ${response.status}`;
      if (current) setReport(text);
    };
    void read();
    return () => void (current = false);
  }, [user]);
  return report;
}
