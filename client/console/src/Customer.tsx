// The story of a customer: what it has, whose that is, and its events.

import { useState } from 'react';
import { LinkDialog } from './LinkDialog';
import { Things } from './Things';
import { Timeline } from './Timeline';
import { Ago, Heading, Missing, UserLink } from './bits';
import { useAnswer } from './answer';
import { useMayAct } from './caller';
import { to } from './place';
import type { CustomerStory } from './types';

function Link({ customer, onDone }: { customer: string; onDone: () => void }) {
  const [open, setOpen] = useState(false);
  if (!useMayAct()) return null;
  return (
    <>
      <button className="ghost" onClick={() => setOpen(true)}>
        Link to a user
      </button>
      {open && (
        <LinkDialog customer={customer} removable onDone={onDone} onClose={() => setOpen(false)} />
      )}
    </>
  );
}

export function Customer({ id }: { id: string }) {
  const { data, error, reload } = useAnswer<CustomerStory>(`/customers/${encodeURIComponent(id)}`);
  return (
    <>
      <div className="top">
        <Heading back={to('search')}>{id}</Heading>
        <Link customer={id} onDone={reload} />
      </div>
      {data === null ? (
        <Missing error={error} />
      ) : (
        <>
          <p className="group-line">
            {data.deleted && 'Deleted at Stripe. '}
            {data.linkedTo !== null && (
              <>
                Linked by hand to <UserLink id={data.linkedTo} />.{' '}
              </>
            )}
            {data.waitingSince !== null && (
              <>
                Something has no owner since <Ago at={data.waitingSince} />.
              </>
            )}
          </p>
          <div className="columns">
            <section className="card" aria-labelledby="things">
              <h2 id="things">Subscriptions and purchases</h2>
              {data.things.length === 0 && <p className="quiet">There are none.</p>}
              <Things things={data.things} />
            </section>
            <section className="card" aria-labelledby="events">
              <h2 id="events">Events</h2>
              <Timeline rows={data.events} />
            </section>
          </div>
        </>
      )}
    </>
  );
}
