// One dead letter: why it failed, and beside it what a redrive would do now, as the worker itself would decide.

import { useState } from 'react';
import { Ago, CodeLink, CustomerLink, EventLink, Missing, Role, UserLink } from './bits';
import { useAnswer } from './answer';
import { count, many } from './format';
import { Things } from './Things';
import type { CustomerState, Prediction, Shown } from './types';

const LIVE_MS = 5_000;
/** Characters of an event that the page shows. */
const BODY_CHARS_MAX = 64 * 1_024;

function verdict(prediction: Prediction): [tone: string, text: string] {
  switch (prediction.result) {
    case 'applies':
      return ['good', 'It would be applied'];
    case 'duplicate':
      return ['good', 'It was applied before: nothing would change'];
    case 'fails':
      return ['bad', 'It would fail again'];
    case 'asks':
      return ['warn', `Stripe would be asked for ${prediction.object}`];
    case 'moving':
      return ['warn', 'What it depends on is changing at this moment'];
  }
}

/** The roles now and after a redrive, user by user. */
function Difference({ shown }: { shown: Shown }) {
  const { redrive, roles } = shown;
  const owners = redrive.result === 'applies' ? redrive.owners : [];
  const others = roles.filter(({ user }) => !owners.some((owner) => owner.user === user));
  if (owners.length + others.length === 0) return null;
  return (
    <table className="difference">
      <caption className="sr">Roles now and after a redrive</caption>
      <thead>
        <tr>
          <th scope="col">User</th>
          <th scope="col">Now</th>
          <th scope="col">After a redrive</th>
        </tr>
      </thead>
      <tbody>
        {owners.map((owner) => (
          <tr key={owner.user}>
            <th scope="row">
              <UserLink id={owner.user} />
            </th>
            <td>
              <Role name={owner.fromRole} change="from" />
            </td>
            <td>
              <Role
                name={owner.toRole}
                {...(owner.fromRole === owner.toRole ? {} : { change: 'to' as const })}
              />
              {owner.fromRole !== owner.toRole && (
                <small> revocation id {owner.revocationId}</small>
              )}
            </td>
          </tr>
        ))}
        {others.map(({ user, role }) => (
          <tr key={user}>
            <th scope="row">
              <UserLink id={user} />
            </th>
            <td>
              <Role name={role} />
            </td>
            <td>
              <Role name={role} /> <small>unchanged</small>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Why({ shown }: { shown: Shown }) {
  const attempts = [...shown.attempts].reverse();
  return (
    <section className="card" aria-labelledby="why">
      <h2 id="why">Why it failed</h2>
      <p className="verdict bad">
        <CodeLink code={shown.cause} />
      </p>
      <p className="error-text">{shown.error}</p>
      <h3>{many(attempts.length, 'failure')}</h3>
      <ol className="attempts">
        {attempts.map((attempt, index) => (
          <li key={`${attempt.at} ${index}`}>
            <Ago at={attempt.at} /> <span className="code">{attempt.cause}</span>
            {index > 0 && <small>{attempt.error}</small>}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** What is stored of the customer now. */
function CustomerNow({ customer }: { customer: CustomerState | null }) {
  if (customer === null || customer.things.length === 0) return null;
  return (
    <>
      <h3>The customer now</h3>
      <Things things={customer.things} />
    </>
  );
}

function Forecast({ shown }: { shown: Shown }) {
  const [tone, text] = verdict(shown.redrive);
  return (
    <section className="card" aria-labelledby="redrive" data-result={shown.redrive.result}>
      <h2 id="redrive">What a redrive would do now</h2>
      <p className={`verdict ${tone}`}>{text}</p>
      <ul className="sentences">
        {shown.explanation.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
      <Difference shown={shown} />
      <CustomerNow customer={shown.customer} />
    </section>
  );
}

/** The event, once somebody opens it: a large one costs the page nothing before that, and little then. */
function Body({ shown: { event, body } }: { shown: Shown }) {
  const [open, setOpen] = useState(false);
  const text = (open && (typeof body === 'string' ? body : JSON.stringify(body, null, 2))) || '';
  return (
    <details className="card body" onToggle={(toggled) => setOpen(toggled.currentTarget.open)}>
      <summary>The event, without what is secret or personal</summary>
      <pre tabIndex={0}>{text.slice(0, BODY_CHARS_MAX)}</pre>
      {text.length > BODY_CHARS_MAX && (
        <p className="quiet">
          The first {count(BODY_CHARS_MAX)} of {count(text.length)} characters.{' '}
          <code>tierlift event {event}</code> prints all of them.
        </p>
      )}
    </details>
  );
}

export function DeadLetter({ event }: { event: string }) {
  const { data: shown, error } = useAnswer<Shown>(
    `/dead-letters/event/${encodeURIComponent(event)}`,
    LIVE_MS,
  );
  if (shown === null) return <Missing error={error} />;
  return (
    <article className="dead-letter" aria-label={`Dead letter ${event}`}>
      <p className="dead-letter-head">
        <EventLink id={event} /> <span>{shown.type}</span>
        <span>
          {shown.group === event ? 'no customer' : <CustomerLink id={shown.group} />}, arrived{' '}
          <Ago at={shown.receivedAt} />
        </span>
      </p>
      <div className="sides">
        <Why shown={shown} />
        <Forecast shown={shown} />
      </div>
      <Body shown={shown} />
    </article>
  );
}
