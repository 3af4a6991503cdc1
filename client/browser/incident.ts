// An incident with three causes, as dead letters: a price that the plan map lacks, events that are malformed, and events
// that failed while the store could not be written. What customers wrote in them is markup.

import type { DemoServer } from './server';

export const HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';

export interface Incident {
  unmapped: number;
  malformed: number;
  store: number;
}

export const PLANS = '[plans]\nprice_pro = "paid"\n';
export const FIXED = `${PLANS}price_team = "paid"\n`;

const DAY = 86_400;
const now = (): number => Math.floor(Date.now() / 1_000);

export function subscription(id: string, user: string, price: string): object {
  const start = now() - DAY;
  const item = {
    id: `si_${id}`,
    quantity: 1,
    price: { id: price, product: `prod_${price}` },
    current_period_start: start,
    current_period_end: start + 30 * DAY,
  };
  return {
    id: `evt_${id}`,
    object: 'event',
    type: 'customer.subscription.created',
    created: now() - 60,
    livemode: false,
    data: {
      object: {
        id: `sub_${id}`,
        object: 'subscription',
        customer: `cus_${id}`,
        status: 'active',
        metadata: { user_id: user, note: HOSTILE },
        items: { object: 'list', data: [item], has_more: false },
      },
    },
  };
}

/** The user of a dead letter. Some have an id that is markup. */
export const userOf = (kind: string, number: number): string =>
  number === 0 ? `${kind} ${HOSTILE}` : `${kind}-${number}`;

/** A dead letter as a line of a file. */
export function line(id: string, body: object, cause: string, error: string): string {
  const at = (now() - 600) * 1_000_000;
  const failure = { cause, attempts: 1, first_at: at, last_at: at, last_error: error };
  return JSON.stringify({
    event: `evt_${id}`,
    type: 'customer.subscription.created',
    group: `cus_${id}`,
    receivedAtMicros: at,
    trace: null,
    failure,
    body: { text: JSON.stringify(body) },
  });
}

function* lines({ unmapped, malformed, store }: Incident): Generator<string> {
  for (let n = 0; n < unmapped; n++) {
    const body = subscription(`unmapped_${n}`, userOf('unmapped', n), 'price_team');
    const error = 'none of the prices price_team is in the plan map';
    yield line(`unmapped_${n}`, body, 'plan.unmapped', error);
  }
  for (let n = 0; n < malformed; n++) {
    const body = subscription(`malformed_${n}`, userOf('malformed', n), 'price_pro') as {
      data: { object: Record<string, unknown> };
    };
    delete body.data.object.status;
    yield line(`malformed_${n}`, body, 'payload.malformed', `missing field: ${HOSTILE}`);
  }
  for (let n = 0; n < store; n++) {
    const body = subscription(`store_${n}`, userOf('store', n), 'price_pro');
    yield line(`store_${n}`, body, 'store.unavailable', 'disk I/O error');
  }
}

/** Makes the incident. One of the events fails at the server itself. */
export async function strike(server: DemoServer, incident: Incident): Promise<void> {
  await server.webhook(subscription('live', userOf('live', 1), 'price_team'));
  server.write('incident.jsonl', [...lines(incident)].join('\n'));
  server.command('dead-letters', 'import', 'incident.jsonl', '--reason', 'seed', '--actor', 'test');
}
