// An act: it is confirmed with a reason, which stands in the ledger beside the operator's name.

import { useState } from 'react';
import type { ReactNode } from 'react';
import { Dialog } from './Dialog';
import { Refused } from './api';

interface Props {
  title: string;
  /** What is asked for; the reason, if nothing else is said. */
  label?: string;
  verb: string;
  /** Whether it takes something away that does not come back. */
  danger?: boolean;
  /** Further fields, and what will happen. */
  children?: ReactNode;
  onAct: (reason: string, form: FormData) => Promise<unknown>;
  onDone: () => void;
  onClose: () => void;
}

export function ActDialog(props: Props) {
  const {
    title,
    label = 'Reason, for the ledger',
    verb,
    danger = false,
    children,
    onAct,
    onDone,
    onClose,
  } = props;
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = (form: FormData): void => {
    setBusy(true);
    const reason = form.get('reason');
    onAct(typeof reason === 'string' ? reason.trim() : '', form)
      .then(() => {
        onDone();
        onClose();
      })
      .catch((failed: unknown) => {
        const message = failed instanceof Error ? failed.message : String(failed);
        setError(failed instanceof Refused ? `${failed.code}: ${message}` : message);
        setBusy(false);
      });
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit(new FormData(event.currentTarget));
        }}
      >
        {children}
        <label htmlFor="reason">{label}</label>
        <input id="reason" name="reason" required maxLength={1_024} data-first autoComplete="off" />
        <p className="error" role="alert">
          {error}
        </p>
        <div className="dialog-end">
          <button type="button" className="ghost" onClick={onClose}>
            Cancel
          </button>
          <button className={danger ? 'primary danger' : 'primary'} disabled={busy}>
            {verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
