// The search: an event, a customer, or a user, by id.

import { useState } from 'react';
import { Icon } from '../../parts/icons';
import { Heading } from './bits';
import { found, go } from './place';

export function Search() {
  const [text, setText] = useState('');
  return (
    <>
      <Heading>Search</Heading>
      <form
        role="search"
        className="search"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() !== '') go(...found(text));
        }}
      >
        <label htmlFor="search" className="sr">
          Event, customer or user
        </label>
        <input
          id="search"
          autoFocus
          autoComplete="off"
          spellCheck={false}
          placeholder="evt_…, cus_…, or a user’s id"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button className="primary">
          <Icon name="search" /> Find
        </button>
      </form>
      <ul className="hints">
        <li>
          <code>evt_…</code> what became of an event, and why
        </li>
        <li>
          <code>cus_…</code> what a customer has, and whose it is
        </li>
        <li>
          <code>ada</code> why a user has their role, and what does not count
        </li>
      </ul>
    </>
  );
}
