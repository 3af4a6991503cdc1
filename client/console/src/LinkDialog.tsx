// A link by hand: whose a customer is from now on.

import { ActDialog } from './ActDialog';
import { act } from './api';

interface Props {
  customer: string;
  /** Whether it is a link that may be there, and that an empty field removes. */
  removable?: boolean;
  onDone: () => void;
  onClose: () => void;
}

export function LinkDialog({ customer, removable = false, onDone, onClose }: Props) {
  return (
    <ActDialog
      title={`Link ${customer}`}
      verb="Link"
      onAct={(reason, form) => {
        const user = form.get('user');
        const named = typeof user === 'string' && user.trim() !== '' ? user.trim() : null;
        return act('/link', { customer, subject: null, user: named }, reason);
      }}
      onDone={onDone}
      onClose={onClose}
    >
      <label htmlFor="user">{removable ? 'User; empty removes the link' : 'User'}</label>
      <input id="user" name="user" required={!removable} data-first autoComplete="off" />
    </ActDialog>
  );
}
