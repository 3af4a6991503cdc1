// Rows of the ledger as a timeline, newest first: what happened, to whom, and who did it.

import { Ago, CodeLink, CustomerLink, EventLink, Role, UserLink } from './bits';
import type { Row } from './types';

function Steps({ row }: { row: Row }) {
  return row.owners.map((owner) => (
    <span className="step" key={owner.user}>
      <UserLink id={owner.user} />
      {owner.fromRole === owner.toRole ? (
        <>
          {' stays '}
          <Role name={owner.toRole} />
        </>
      ) : (
        <>
          {' '}
          <Role name={owner.fromRole} change="from" /> → <Role name={owner.toRole} change="to" />
        </>
      )}
    </span>
  ));
}

export function Timeline({ rows }: { rows: Row[] }) {
  if (rows.length === 0) return <p className="quiet">Nothing is recorded.</p>;
  return (
    <ol className="timeline">
      {rows.map((row) => (
        <li key={row.event} className={row.actor === null ? '' : 'by-hand'}>
          <div className="timeline-head">
            <strong>{row.type}</strong>
            <Ago at={row.processedAt} />
          </div>
          <p className="timeline-what">
            <EventLink id={row.event} />
            {row.customer !== null && <CustomerLink id={row.customer} />}
            <span>{row.outcome}</span>
            {row.cause !== null && <CodeLink code={row.cause} />}
          </p>
          <p className="timeline-what">
            <Steps row={row} />
          </p>
          {row.actor !== null && (
            <p className="timeline-why">
              <b>{row.actor}</b>: {row.reason}
            </p>
          )}
        </li>
      ))}
    </ol>
  );
}
