'use client';
// The form of the example's own sign-in. `signedIn()` tells the client that there is a token now.

import type { SubmitEvent } from 'react';
import { useTierClient } from '@tierlift/client/react';

export function SignIn() {
  const client = useTierClient();
  async function submit(event: SubmitEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const userId = new FormData(event.currentTarget).get('user');
    await fetch('/api/session', { method: 'POST', body: JSON.stringify({ userId }) });
    client.signedIn();
  }
  return (
    <form onSubmit={(event) => void submit(event)}>
      <h1>Sign in</h1>
      <label>
        Any name will do
        <input name="user" required autoComplete="username" />
      </label>
      <button>Sign in</button>
    </form>
  );
}
