// The story of an event: what it did, or why it is a dead letter.

import { DeadLetter } from './DeadLetter';
import { Timeline } from './Timeline';
import { Heading, Missing } from './bits';
import { useAnswer } from './answer';
import { to } from './place';
import type { EventStory } from './types';

export function Event({ id }: { id: string }) {
  const { data, error } = useAnswer<EventStory>(`/events/${encodeURIComponent(id)}`);
  return (
    <>
      <Heading back={to('search')}>{id}</Heading>
      {data === null && <Missing error={error} />}
      {data?.ledger && (
        <section className="card" aria-labelledby="ledger">
          <h2 id="ledger">In the ledger</h2>
          <Timeline rows={[data.ledger]} />
        </section>
      )}
      {data?.deadLetter && <DeadLetter event={id} />}
    </>
  );
}
